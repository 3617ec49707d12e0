import { useQueryClient } from '@tanstack/react-query';
import {
  createContext,
  type ReactNode,
  use,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react';

import { askForEvents } from '../api/client';
import { useSession } from '../api/session';
import { follow, type Place } from './follow';
import { countSince, type Heard, type LiveEvent, News, type Sort } from './news';
import { atRest, sleep, spaced, whileSeen } from './timing';

const NewsContext = createContext<News | null>(null);

/** What comes of a change of one's own is asked for once it has been quiet for so long. */
const OWN_MS = 300;
/** Numbers that move no row follow what happens, but no more often than so. */
const NUMBERS_MS = 10_000;
/** What events make another: the overview's numbers of findings and of policies, and none of its lists. */
const NUMBERS = [['summary'], ['overview', 'policies']] as const;

/**
 * Hears what happens in the company for as long as the pages behind it are shown: it ends with the session and
 * when another company is chosen, and nothing of it stays then.
 */
export function Live({ children }: { children: ReactNode }) {
  const { me, company, may } = useSession();
  const queries = useQueryClient();
  const isTold = company !== undefined && may('inventory:read');
  const [news] = useState(() => {
    const own = atRest(OWN_MS, () => void queries.invalidateQueries({ queryKey: [me.id, company] }));
    return new News(Date.now, own);
  });

  useEffect(() => {
    if (!isTold) return undefined;
    const place: Place = {};
    return whileSeen(document, (signal) => {
      const following = {
        ask: (last: string | undefined, ended: AbortSignal) => askForEvents(company, last, ended),
        heard: ({ data }: { data: string }) => {
          const event = eventOf(data);
          if (event) news.tell(event);
        },
        missed: () => news.miss(),
        stands: (standing: Heard['standing']) => news.stands(standing),
        refused: () => void queries.invalidateQueries({ queryKey: ['me'] }),
        sleep,
        chance: Math.random,
      };
      void follow(following, place, signal);
    });
  }, [isTold, company, news, queries]);

  useEffect(() => {
    let seen = news.heard().seconds;
    const renew = spaced(NUMBERS_MS, () => {
      for (const key of NUMBERS) {
        void queries.invalidateQueries({ queryKey: [me.id, company, ...key] });
      }
    });
    const leave = news.subscribe(() => {
      const { seconds } = news.heard();
      if (seconds !== seen) renew.now();
      seen = seconds;
    });
    return () => {
      leave();
      renew.end();
    };
  }, [news, queries, me.id, company]);

  return <NewsContext value={news}>{children}</NewsContext>;
}

/** The event that a message holds, if it is one. */
function eventOf(data: string): LiveEvent | undefined {
  try {
    const event = JSON.parse(data) as Partial<LiveEvent>;
    const isEvent = typeof event.id === 'string' && typeof event.kind === 'string' && event.at !== undefined;
    return isEvent ? (event as LiveEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** What has happened, for who says things to it; nothing on pages that hear nothing. */
export function useNews(): News | null {
  return use(NewsContext);
}

const QUIET: Heard = { standing: 'ended', events: [], seconds: [] };
const quiet = { subscribe: () => () => undefined, heard: () => QUIET };

/** What has happened while the page is open. */
export function useHeard(): Heard {
  const { subscribe, heard } = use(NewsContext) ?? quiet;
  return useSyncExternalStore(subscribe, heard);
}

/** How much of some sorts has happened since an instant. */
export function useCounts(at: number, sorts: readonly Sort[]): Partial<Record<Sort, number>> {
  const { seconds } = useHeard();
  return useMemo(() => countSince(seconds, at, sorts), [seconds, at, sorts]);
}
