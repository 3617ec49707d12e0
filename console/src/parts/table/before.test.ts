import { describe, expect, it } from 'vitest';

import { goneOn, pageBefore } from './before';

describe('pageBefore', () => {
  it('leads back the way that was come, page by page', () => {
    goneOn(undefined, 'two');
    goneOn('two', 'three');
    expect(pageBefore('three')).toBe('two');
    expect(pageBefore('two')).toBeUndefined();
  });

  it('is the first page of one that a link has opened', () => {
    expect(pageBefore('from a colleague')).toBeUndefined();
  });

  it('never is the page itself', () => {
    goneOn('one', 'one');
    expect(pageBefore('one')).toBeUndefined();
  });

  it('forgets the oldest, and no other', () => {
    goneOn(undefined, 'first of many');
    goneOn('first of many', 'second of many');
    for (let page = 0; page < 999; page += 1) goneOn('x', `page ${page}`);
    expect(pageBefore('second of many')).toBe('first of many');
    goneOn('x', 'one more');
    expect(pageBefore('second of many')).toBeUndefined();
    expect(pageBefore('one more')).toBe('x');
  });
});
