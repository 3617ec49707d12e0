import { describe, expect, it } from 'vitest';

import { pointsOf, spreadOf } from './spread';

const days = (...numbers: number[]) => numbers.map((hosts, n) => ({ day: `2026-03-0${n + 1}`, hosts }));

describe('how a CVE spread', () => {
  it('is nothing to draw while there is today alone', () => {
    expect(spreadOf([])).toBeUndefined();
    expect(spreadOf(days(4))).toBeUndefined();
  });

  it('is said from the first day to the last, and of the last of the worst days', () => {
    const spread = spreadOf(days(3, 7, 7, 2));
    expect(spread?.first.hosts).toBe(3);
    expect(spread?.last).toEqual({ day: '2026-03-04', hosts: 2 });
    expect(spread?.most.day).toBe('2026-03-03');
  });

  it('has a point for every day, also for those without a host', () => {
    expect(pointsOf(days(1, 0))).toEqual([
      { at: '2026-03-01', hosts: 1 },
      { at: '2026-03-02', hosts: 0 },
    ]);
  });
});
