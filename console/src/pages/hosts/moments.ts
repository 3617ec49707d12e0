import type { Schemas } from '../../api/client';

export type Moment = Schemas['HostMoment'];
export type Kind = Schemas['HostMomentKind'];

/** What can happen on a host, in the order in which it is told. */
export const KINDS = [
  'upgraded',
  'installed',
  'removed',
  'finding_opened',
  'finding_resolved',
] as const satisfies readonly Kind[];

const COUNTS = {
  upgraded: 'upgraded',
  installed: 'installed',
  removed: 'removed',
  finding_opened: 'findings_opened',
  finding_resolved: 'findings_resolved',
} as const satisfies Record<Kind, keyof Moment>;

/** How much of a kind happened at a moment. */
export const countOf = (moment: Moment, kind: Kind): number => moment[COUNTS[kind]];

/** The day of an instant in the reader's time zone, as `2026-03-01`. */
export function dayOf(at: string): string {
  const date = new Date(at);
  const two = (number: number) => String(number).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** Moments by day, both in the order in which they come. */
export function byDay(moments: readonly Moment[]): [string, Moment[]][] {
  const days = new Map<string, Moment[]>();
  for (const moment of moments) {
    const day = dayOf(moment.at);
    const before = days.get(day);
    if (before) before.push(moment);
    else days.set(day, [moment]);
  }
  return [...days];
}
