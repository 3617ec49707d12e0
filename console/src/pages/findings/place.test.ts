import { describe, expect, it } from 'vitest';

import { placeOf, successorOf } from './place';

const ROWS = ['a', 'b', 'c', 'd', 'e'];

describe('successorOf', () => {
  it('is what stood behind the row that has left', () => {
    expect(successorOf(placeOf(ROWS, 2), ['a', 'b', 'd', 'e'])).toBe('d');
  });

  it('is the next that is still there when several have left', () => {
    expect(successorOf(placeOf(ROWS, 1), ['c', 'e'])).toBe('c');
    expect(successorOf(placeOf(ROWS, 2), ['a', 'e'])).toBe('e');
  });

  it('is what came up from the next page, or the last, where the last has left', () => {
    expect(successorOf(placeOf(ROWS, 4), ['a', 'b', 'c', 'd', 'f'])).toBe('f');
    expect(successorOf(placeOf(ROWS, 4), ['a', 'b', 'c', 'd'])).toBe('d');
  });

  it('is the first of a page that was turned to, and nothing of one that is empty', () => {
    const turned = { row: 'e', at: 0, after: [], turnedTo: 'page two' };
    expect(successorOf(turned, ['f', 'g'])).toBe('f');
    expect(successorOf(turned, [])).toBeUndefined();
  });
});
