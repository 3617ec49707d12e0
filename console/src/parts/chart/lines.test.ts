import { describe, expect, it } from 'vitest';

import { columnsOf, type Line, type Point, stepsOf, upperEnd } from './lines';

const LINES: Line[] = [
  { name: 'kev', label: 'Exploited', color: 'red.9' },
  { name: 'all', label: 'All', color: 'blue.7' },
];

describe('lines', () => {
  it('have a value at every place, and none where nothing is known', () => {
    const points: Point[] = [
      { at: '2026-03-01', kev: 1, all: 7 },
      { at: '2026-03-03', kev: null, all: 0 },
    ];
    expect(columnsOf(points, LINES)).toEqual([
      [0, 1],
      [1, null],
      [7, 0],
    ]);
    expect(columnsOf([], LINES)).toEqual([[], [], []]);
  });

  it('begin at nothing and end above the most', () => {
    expect(upperEnd(100, false)).toBeCloseTo(105);
    expect(upperEnd(3, true)).toBe(4);
    for (const most of [null, undefined, 0]) expect(upperEnd(most, true)).toBe(1);
  });

  it('are counted in whole numbers where there is nothing between them', () => {
    expect(stepsOf(true).slice(0, 4)).toEqual([1, 2, 5, 10]);
    expect(stepsOf(false)[0]).toBe(0.01);
    expect(stepsOf(true).every(Number.isInteger)).toBe(true);
  });
});
