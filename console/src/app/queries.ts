import { notifications } from '@mantine/notifications';
import { QueryCache, QueryClient } from '@tanstack/react-query';

import { ApiError } from '../api/problem';

const RETRIES_MAX = 2;

/** What was read, for as long as somebody is signed in; `leave` empties it. */
export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      // A session that ended is seen by whatever asks first; who is signed in is asked again then.
      const hasEnded = error instanceof ApiError && error.status === 401 && query.queryKey[0] !== 'me';
      if (hasEnded) void queries.invalidateQueries({ queryKey: ['me'] });
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      gcTime: 120_000,
      retry: (failures, error) => {
        const isAway =
          error instanceof ApiError && (error.status === 0 || error.status === 503 || error.status === 429);
        return isAway && failures < RETRIES_MAX;
      },
      retryDelay: (failures, error) => {
        const after = error instanceof ApiError ? error.retryAfter : undefined;
        return after === undefined ? 1000 * 2 ** failures : Math.min(after, 10) * 1000;
      },
    },
  },
});

/** Other tabs of this browser, which share the session. */
const tabs = new BroadcastChannel('muster-session');

function empty() {
  queries.clear();
  // What was done stands in them, with names.
  notifications.clean();
}

/**
 * Forgets everything that was read: whoever signs in next must find nothing of it. Other tabs do the same, and go
 * to the sign-in when the session has ended; one that could not be ended is still there.
 */
export function forget(session: 'ended' | 'still') {
  empty();
  tabs.postMessage(session);
}

let still: (() => void) | undefined;

/** Sets what is done when another tab could not end the session. */
export function onStill(act: () => void) {
  still = act;
}

tabs.onmessage = ({ data }: MessageEvent<unknown>) => {
  if (data === 'still') {
    still?.();
    empty();
    return;
  }
  empty();
  window.location.assign('/sign-in');
};
