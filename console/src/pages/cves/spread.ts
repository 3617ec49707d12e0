import type { Schemas } from '../../api/client';
import type { Line, Point } from '../../parts/chart/lines';
import { text } from '../../text/text';

type Day = Schemas['CveHistoryItem'];

/** How many days are looked at. */
export const DAYS = 90;

/** The one line. */
export const LINES: readonly Line[] = [{ name: 'hosts', label: text.nav.hosts, color: 'blue.7' }];

/** The points of the line. */
export const pointsOf = (days: readonly Day[]): Point[] => days.map(({ day, hosts }) => ({ at: day, hosts }));

/** What there is to say of the days: from the first to the last, and the one on which it was worst. */
export interface Spread {
  first: Day;
  last: Day;
  most: Day;
}

/** That; nothing while there is today alone. */
export function spreadOf(days: readonly Day[]): Spread | undefined {
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined || days.length < 2) return undefined;
  // Of several the last: from then on it went down.
  const most = days.reduce((worst, day) => (day.hosts >= worst.hosts ? day : worst), first);
  return { first, last, most };
}
