import { describe, expect, it } from 'vitest';

import { whileGoingOn } from './state';

describe('imports', () => {
  it('are asked for again while one waits or runs, and not afterwards', () => {
    expect(whileGoingOn([{ state: 'done' }, { state: 'queued' }])).toBeGreaterThan(0);
    expect(whileGoingOn([{ state: 'running' }])).toBeGreaterThan(0);
    expect(whileGoingOn([{ state: 'done' }, { state: 'failed' }, { state: 'cancelled' }])).toBe(false);
    expect(whileGoingOn([])).toBe(false);
    expect(whileGoingOn(undefined)).toBe(false);
  });
});
