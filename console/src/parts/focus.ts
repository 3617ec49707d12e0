import { type RefObject, useEffect, useRef, useState } from 'react';

/**
 * Gives the focus back to what opened a dialog, once that is taken away. For dialogs that are open from the moment at
 * which they are drawn: the library's own remember only who had the focus when they were opened later. Where what opened
 * it is gone, or it was opened by its address, the page has the focus, and not the window's beginning.
 */
export function useFocusBack(): void {
  const [opener] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      // Another dialog may come in its place, and takes the focus itself.
      setTimeout(() => {
        if (document.activeElement !== null && document.activeElement !== document.body) return;
        const isThere = opener instanceof HTMLElement && opener.isConnected && opener !== document.body;
        (isThere ? opener : document.getElementById('main'))?.focus({ preventScroll: true });
      });
    },
    [opener],
  );
}

/** Gives the focus to the filters that a button stands among, which goes with the filter that it takes away. */
export const toFilters = (button: HTMLButtonElement): void => button.form?.focus({ preventScroll: true });

/**
 * A button that gets the focus back when it is nobody's any more: what is busy cannot be pressed, and has no focus then.
 * Or a heading of what has come in the place of a form that was sent. It is looked at whenever `state` is another, and
 * taken from nobody who has gone on to something else.
 */
export function useFocusKept<E extends HTMLElement = HTMLButtonElement>(state: string): RefObject<E | null> {
  const part = useRef<E>(null);
  const before = useRef(state);
  useEffect(() => {
    if (before.current === state) return;
    before.current = state;
    const isNobodys = document.activeElement === null || document.activeElement === document.body;
    if (isNobodys) part.current?.focus({ preventScroll: true });
  }, [state]);
  return part;
}
