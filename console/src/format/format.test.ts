import { describe, expect, it } from 'vitest';

import { asBytes, asShare, asTotal } from './number';
import { asClock, asDistance, asSpan, fromLocalInput, isYearWhole, toLocalInput } from './time';

describe('numbers', () => {
  it('say when more is known to be there', () => {
    expect(asTotal({ count: 1200, type: 'EXACT' })).toBe('1,200');
    expect(asTotal({ count: 101, type: 'AT_LEAST' })).toBe('101+');
  });

  it('show a small share as small, not as none', () => {
    expect([asShare(0), asShare(0.0004), asShare(0.943)]).toEqual(['0.0 %', '< 0.1 %', '94.3 %']);
  });

  it('write bytes in their unit', () => {
    expect([asBytes(512), asBytes(1536), asBytes(300 * 2 ** 30)]).toEqual(['512 B', '1.5 KiB', '300 GiB']);
  });
});

describe('time', () => {
  it('says how long ago', () => {
    const now = Date.parse('2026-03-01T12:00:00Z');
    expect(asDistance('2026-03-01T11:57:10Z', now)).toBe('2 minutes ago');
    expect(asDistance('2026-03-03T12:00:00Z', now)).toBe('in 2 days');
  });

  it('says the day of what was not read today, whatever the time of the day', () => {
    const at = new Date(2026, 2, 1, 16, 2, 11);
    const later = (hours: number) => at.getTime() + hours * 3_600_000;
    expect(asClock(at, later(2))).toBe('16:02:11');
    expect(asClock(at, later(8))).toBe('1 Mar 2026, 16:02:11');
    expect(asClock(at, later(24))).toBe('1 Mar 2026, 16:02:11');
    expect(asClock(at, later(365 * 24))).toBe('1 Mar 2026, 16:02:11');
  });

  it('writes spans in two parts', () => {
    expect([asSpan(0), asSpan(90), asSpan(5400), asSpan(86_400)]).toEqual([
      '0 s',
      '1 min 30 s',
      '1 h 30 min',
      '1 d',
    ]);
  });

  it('reads back what an input was given', () => {
    const at = '2026-03-01T12:00:00Z';
    expect(fromLocalInput(toLocalInput(at))).toBe(at);
    expect(fromLocalInput('')).toBeUndefined();
    expect(toLocalInput(undefined)).toBe('');
  });

  it('knows a year whose digits are still typed', () => {
    for (const year of ['0002', '0020', '0202', '20260']) {
      expect(isYearWhole(`${year}-03-01T12:00`)).toBe(false);
    }
    expect(isYearWhole('2026-03-01T12:00')).toBe(true);
    expect(isYearWhole('')).toBe(false);
  });

  it('never takes an instant that was typed for none', () => {
    expect(fromLocalInput('0026-06-15T12:00')).toMatch(/^0026-06-15T\d\d:\d\d/);
    expect(fromLocalInput('20260-06-15T12:00')).toBe('20260-06-15T12:00');
    expect(fromLocalInput('2026-03-01T12:00')).toMatch(/^2026-0/);
  });
});
