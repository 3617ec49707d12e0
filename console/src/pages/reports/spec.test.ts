import { describe, expect, it } from 'vitest';

import { EMPTY, fromSpec, sentence, toSpec, whileMade } from './spec';

describe('a report that is asked for', () => {
  it('has no label and no format that a summary cannot have', () => {
    const asked = toSpec({ ...EMPTY, title: 'x', kind: 'summary', format: 'csv', label: 'some-id' });
    expect(asked).toEqual({ name: 'x', kind: 'summary', format: 'html' });
  });

  it('says nothing of filters that are not set', () => {
    expect(Object.values(toSpec(EMPTY)).filter((one) => one !== undefined)).toEqual(['', 'findings', 'html']);
  });

  it('comes back into a form as it was', () => {
    const spec = { kind: 'findings', format: 'sarif', severity_min: 'high', kev: true, label: 'id' } as const;
    expect(toSpec(fromSpec('weekly', spec))).toEqual({ name: 'weekly', ...spec });
  });

  it('is said in a line', () => {
    const line = sentence({ kind: 'findings', format: 'csv', severity_min: 'high', kev: true });
    expect(line).toMatch(/High/);
    expect(line.split(' · ')).toHaveLength(3);
  });
});

describe('reports that there are', () => {
  it('are asked for again while one is being made, and not afterwards', () => {
    expect(whileMade([{ state: 'done' }, { state: 'waiting' }])).toBeGreaterThan(0);
    expect(whileMade([{ state: 'done' }, { state: 'failed' }, { state: 'cancelled' }])).toBe(false);
    expect(whileMade([])).toBe(false);
    expect(whileMade(undefined)).toBe(false);
  });
});
