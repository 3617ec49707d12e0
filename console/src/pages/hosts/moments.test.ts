import { expect, test } from 'vitest';

import { type Moment, byDay, countOf } from './moments';

const moment = (at: string, of: Partial<Moment> = {}): Moment => ({
  began_at: at,
  at,
  is_first: false,
  installed: 0,
  removed: 0,
  upgraded: 0,
  findings_opened: 0,
  findings_resolved: 0,
  changes: [],
  ...of,
});

test('moments stand under their days, the newest first as they came', () => {
  const moments = ['2026-03-02T12:00:00', '2026-03-02T09:00:00', '2026-03-01T12:00:00'].map((at) =>
    moment(at),
  );
  expect(byDay(moments).map(([day, of]) => [day, of.length])).toEqual([
    ['2026-03-02', 2],
    ['2026-03-01', 1],
  ]);
});

test('each kind is counted by its own number', () => {
  const of = moment('2026-03-02T12:00:00', { findings_opened: 3, upgraded: 1 });
  expect([countOf(of, 'finding_opened'), countOf(of, 'upgraded'), countOf(of, 'removed')]).toEqual([3, 1, 0]);
});
