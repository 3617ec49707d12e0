import { useLocalStorage } from '@mantine/hooks';
import { useEffect, useRef } from 'react';

/** What single keys do, by what the browser calls them. */
export type Keys = Readonly<Record<string, () => void>>;

/** Fields into which nothing is typed. */
const TYPELESS: ReadonlySet<string> = new Set([
  'button',
  'checkbox',
  'color',
  'file',
  'image',
  'radio',
  'range',
  'reset',
  'submit',
]);

/** A letter so long after another one is a part of the same word to a list of choices. */
const WORD_MS = 1_000;

/** What a dialog carries in which single keys do what they do on the page behind it. */
export const WITH_KEYS = { 'data-with-keys': true };

/** Whether a dialog is open over the page that the keys are not for. */
const isBehind = () => document.querySelector('[role=dialog]:not([data-with-keys])') !== null;

/**
 * Whether single keys do anything, and a way to say so, which this browser remembers: who speaks to their machine, or hits
 * keys by chance, has to be able to turn them off (WCAG 2.1.4).
 */
export function useKeysUsed(): [boolean, (isUsed: boolean) => void] {
  const [isUsed, setUsed] = useLocalStorage({
    key: 'muster-keys',
    defaultValue: true,
    getInitialValueInEffect: false,
  });
  return [isUsed, setUsed];
}

/** Whether keys that are pressed there are for what is typed. */
export function takesText(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !TYPELESS.has(target.type);
  return target instanceof HTMLTextAreaElement || (target instanceof HTMLElement && target.isContentEditable);
}

/**
 * Takes single keys, wherever the focus is but in what takes text and in a menu that is open, and never behind a dialog of
 * something else. A list of choices goes by the letters of a choice until one was chosen from it; from then on they are
 * taken as everywhere, though not within a word.
 */
export function useKeys(keys: Keys): void {
  const present = useRef(keys);
  useEffect(() => {
    present.current = keys;
  });
  useEffect(() => {
    let chosenIn: EventTarget | null = null;
    let wordUntil = 0;
    const choose = (event: Event) => {
      if (event.target instanceof HTMLSelectElement) chosenIn = event.target;
    };
    const leave = () => {
      chosenIn = null;
      wordUntil = 0;
    };
    const press = (event: KeyboardEvent) => {
      const { target, key, timeStamp } = event;
      const isWithOthers = event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;
      const isInMenu = target instanceof Element && target.closest('[role=menu]') !== null;
      if (event.defaultPrevented || isWithOthers || key.length !== 1 || isInMenu || takesText(target)) return;
      const act = present.current[key.toLowerCase()];
      if (target instanceof HTMLSelectElement) {
        const isOfWord = target !== chosenIn || timeStamp < wordUntil;
        if (isOfWord || act === undefined) {
          wordUntil = timeStamp + WORD_MS;
          return;
        }
      }
      if (act === undefined || isBehind()) return;
      event.preventDefault();
      act();
    };
    document.addEventListener('change', choose);
    document.addEventListener('focusout', leave);
    document.addEventListener('keydown', press);
    return () => {
      document.removeEventListener('change', choose);
      document.removeEventListener('focusout', leave);
      document.removeEventListener('keydown', press);
    };
  }, []);
}
