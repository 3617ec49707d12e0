import type { Schemas } from '../../api/client';
import type { Line, Point } from '../../parts/chart/lines';
import { text } from '../../text/text';

type Item = Schemas['StatisticsItem'];
type Group = keyof Schemas['StatisticsGroups'];
type Numbers = Schemas['StatisticsNumbers'];

const SECONDS_A_DAY = 86_400;

/** What can be drawn. */
export const TRENDS = ['exposure', 'open', 'flow', 'fix'] as const;
export type Trend = (typeof TRENDS)[number];

const { severity, trend } = text;

const line = (group: Group, label: string, color: string): Line => ({ name: group, label, color });

const SEVERITIES = [
  line('critical', severity.critical, 'red.9'),
  line('high', severity.high, 'orange.7'),
  line('medium', severity.medium, 'yellow.6'),
  line('low', severity.low, 'teal.7'),
];

const KEV = line('kev', trend.kev, 'grape.7');

/** The lines of each. */
export const LINES: Record<Trend, readonly Line[]> = {
  exposure: [line('all', trend.all, 'blue.7'), KEV],
  open: [...SEVERITIES, KEV],
  flow: [
    { name: 'opened', label: trend.opened, color: 'red.7' },
    { name: 'resolved', label: trend.resolved, color: 'teal.7' },
  ],
  fix: [KEV, ...SEVERITIES.slice(0, 2)],
};

function value(what: Trend, name: string, item: Item): number | null {
  if (what === 'flow') return item.findings.all[name as 'opened' | 'resolved'];
  const numbers: Numbers = item.findings[name as Group];
  if (what !== 'fix') return numbers[what];
  return numbers.fix_median_s == null ? null : numbers.fix_median_s / SECONDS_A_DAY;
}

/** The points of a chart. */
export const pointsOf = (what: Trend, items: readonly Item[]): Point[] =>
  items.map((item) => {
    const values = LINES[what].map(({ name }) => [name, value(what, name, item)] as const);
    return { at: item.at, ...Object.fromEntries(values) } as Point;
  });

/** A number of days as people say it: `0.4`, `12`. */
export const asDays = (days: number): string =>
  trend.days(days >= 10 ? Math.round(days) : Number(days.toFixed(1)));

/** What changed from the first to the last of the points, of which the first line speaks. */
export function change(points: readonly Point[], name: string): number | undefined {
  const known = points.map((point) => point[name]).filter((one) => typeof one === 'number');
  const [first, last] = [known[0], known[known.length - 1]];
  return known.length < 2 || first === undefined || last === undefined ? undefined : last - first;
}
