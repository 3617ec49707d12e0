import { useSyncExternalStore } from 'react';

/** How often the present moves on, in milliseconds. */
export const TICK_MS = 30_000;

/** The present, which moves on every half minute for everybody who shows it. */
export function useNow(): number {
  return useSyncExternalStore(
    (changed) => {
      const timer = setInterval(changed, TICK_MS);
      return () => clearInterval(timer);
    },
    () => Math.floor(Date.now() / TICK_MS) * TICK_MS,
  );
}
