import { useSyncExternalStore } from 'react';

import { connect } from '../api/client';
import { ApiError, unwrap } from '../api/problem';
import { forget, onStill } from './queries';

/** How long the collector may take to end a session. */
const WITHIN_MS = 10_000;

let isStill = false;
const listeners = new Set<() => void>();

function set(next: boolean): void {
  isStill = next;
  for (const changed of listeners) changed();
}

// In another tab of this browser, which has the same session.
onStill(() => set(true));

/**
 * Whether somebody wanted to sign out and could not: the cookie is not a script's to delete, so that only the
 * collector ends a session. Nothing that was read is shown then.
 */
export function useIsStillSignedIn(): boolean {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    () => isStill,
  );
}

/** Goes on as who is still signed in. */
export const stay = (): void => set(false);

/** Signs out, and says whether that is so. What was read is forgotten in either case, in all tabs. */
export async function leave(): Promise<boolean> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  try {
    await unwrap(connect(undefined).DELETE('/api/v1/sessions/current', { signal }));
  } catch (error) {
    // A session that has ended needs no ending.
    if (!(error instanceof ApiError && error.status === 401)) {
      set(true);
      forget('still');
      return false;
    }
  }
  forget('ended');
  return true;
}
