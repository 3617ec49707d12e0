import { describe, expect, it } from 'vitest';

import { fromCondition, type Line, sentence, toCondition } from './condition';

const lines: Line[] = [
  { kind: 'platform', value: 'debian', second: '', not: false },
  { kind: 'software', value: 'nginx*', second: '< 1.25', not: true },
  { kind: 'enrolment_label', value: 'site', second: 'north', not: false },
];

describe('conditions', () => {
  it('read back what lines said', () => {
    for (const join of ['all', 'any'] as const) {
      expect(fromCondition(toCondition(join, lines))).toEqual({ join, lines });
    }
  });

  it('say one line without a tree', () => {
    expect(toCondition('all', lines.slice(0, 1))).toEqual({ platform: 'debian' });
  });

  it('leave alone what lines cannot say', () => {
    expect(fromCondition({ all: [{ any: [{ arch: 'x86_64' }] }] })).toBeUndefined();
    expect(fromCondition({ software: { name: 'a', source: 'deb' } })).toBeUndefined();
  });

  it('are said in words, however deep', () => {
    expect(sentence({ not: { any: [{ arch: 'x86_64' }, { hostname: 'web-*' }] } })).toContain('web-*');
  });
});
