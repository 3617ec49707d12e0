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

/** Whether keys that are pressed there are for what is typed. */
export function takesText(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return !TYPELESS.has(target.type);
  return target instanceof HTMLTextAreaElement || (target instanceof HTMLElement && target.isContentEditable);
}

/**
 * Takes single keys, wherever the focus is but in what takes text and in a menu that is open. A list of choices goes by the letters of a choice
 * until one was chosen from it; from then on they are taken as everywhere, though not within a word.
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
      if (act === undefined) return;
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
