import { describe, expect, it } from 'vitest';

import type { Schemas } from '../../api/client';
import { asDays, change, LINES, pointsOf, TRENDS } from './trend';

const NONE = { open: 0, exposure: 0, opened: 0, resolved: 0 };

function item(at: string, all: object, kev: object = {}): Schemas['StatisticsItem'] {
  const [a, k] = [
    { ...NONE, ...all },
    { ...NONE, ...kev },
  ];
  const findings = { all: a, kev: k, critical: NONE, high: NONE, medium: NONE, low: NONE, other: NONE };
  return { at, measured_at: at, hosts: 1, silent_hosts: 0, findings };
}

const ITEMS = [
  item('2026-03-01T00:00:00Z', { exposure: 7, opened: 3 }, { fix_median_s: 43_200 }),
  item('2026-03-02T00:00:00Z', { exposure: 5, resolved: 2 }),
];

describe('trends', () => {
  it('have a value for every line at every instant', () => {
    for (const what of TRENDS) {
      for (const point of pointsOf(what, ITEMS)) {
        expect(LINES[what].every(({ name }) => point[name] !== undefined)).toBe(true);
      }
    }
  });

  it('leave out a time to fix that nobody knows, and do not call it nothing', () => {
    const points = pointsOf('fix', ITEMS);
    expect(points.map((point) => point.kev)).toEqual([0.5, null]);
  });

  it('say what came and what went', () => {
    expect(pointsOf('flow', ITEMS).map(({ opened, resolved }) => [opened, resolved])).toEqual([
      [3, 0],
      [0, 2],
    ]);
  });

  it('say by how much something changed, once there are two values', () => {
    expect(change(pointsOf('exposure', ITEMS), 'all')).toBe(-2);
    expect(change(pointsOf('fix', ITEMS), 'kev')).toBeUndefined();
  });

  it('write days shortly', () => {
    expect(asDays(0.44)).toContain('0.4');
    expect(asDays(12.4)).toContain('12');
  });
});
