import { describe, expect, it } from 'vitest';

import type { Finding } from './finding';
import { inTurn, type Outcome, pairsOf, RequestKeys, toggled } from './several';

const finding = (cve: string, software: string, source = 'nvd') =>
  ({
    cve: { id: cve },
    software: { id: software, name: `lib${software}`, source: 'dpkg', version: '1.2' },
    source,
  }) as unknown as Finding;

describe('pairsOf', () => {
  it('makes one exception of what several sources say', () => {
    const pairs = pairsOf([
      finding('CVE-2024-1', 'a'),
      finding('CVE-2024-2', 'a'),
      finding('CVE-2024-1', 'a', 'debian'),
      finding('CVE-2024-1', 'b'),
    ]);
    expect(pairs.map(({ id }) => id)).toEqual(['CVE-2024-1~a', 'CVE-2024-2~a', 'CVE-2024-1~b']);
    expect(pairs[0]?.rows).toEqual(['CVE-2024-1~a~nvd', 'CVE-2024-1~a~debian']);
    expect(pairs[2]?.rule).toEqual({
      cve: 'CVE-2024-1',
      product: 'libb',
      source: 'dpkg',
      version: '1.2',
    });
  });
});

describe('toggled', () => {
  it('picks a row, and no more once it is picked, and leaves what was there alone', () => {
    const none: ReadonlySet<string> = new Set();
    const one = toggled(none, 'a');
    expect([...one]).toEqual(['a']);
    expect([...toggled(one, 'a')]).toEqual([]);
    expect(none.size).toBe(0);
  });
});

describe('inTurn', () => {
  it('goes on after what fails, and says which it was', async () => {
    const came: [number, Outcome<number>][] = [];
    const act = (item: number) =>
      item === 2 ? Promise.reject(new Error('not this one')) : Promise.resolve(item * 10);
    await inTurn([1, 2, 3], act, (item, outcome) => came.push([item, outcome]), new AbortController().signal);
    expect(came).toEqual([
      [1, { value: 10 }],
      [2, { error: new Error('not this one') }],
      [3, { value: 30 }],
    ]);
  });

  it('begins nothing more once it is stopped, and tells of what was under way', async () => {
    const stop = new AbortController();
    const told: number[] = [];
    const begun: number[] = [];
    const act = (item: number) => {
      begun.push(item);
      if (item === 2) stop.abort();
      return Promise.resolve();
    };
    await inTurn([1, 2, 3], act, (item) => told.push(item), stop.signal);
    expect(begun).toEqual([1, 2]);
    expect(told).toEqual([1, 2]);
  });
});

describe('RequestKeys', () => {
  it('names the same body by the same word, and another one by another', () => {
    const keys = new RequestKeys();
    const first = keys.of({ note: 'a' });
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(keys.of({ note: 'a' })).toBe(first);
    expect(keys.of({ note: 'b' })).not.toBe(first);
    expect(new RequestKeys().of({ note: 'a' })).not.toBe(first);
  });
});
