import type { Schemas } from '../../api/client';

const DAY_MS = 86_400_000;

/**
 * For how many whole days a feed was not brought in. One that is fetched and has nothing new is not old: some publish
 * nothing for weeks.
 */
export function daysOld(feed: Pick<Schemas['Feed'], 'last_success_at' | 'imported_at'>, now: number): number {
  const last = Date.parse(feed.last_success_at ?? feed.imported_at);
  return Math.max(0, Math.floor((now - last) / DAY_MS));
}
