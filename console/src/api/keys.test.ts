import { describe, expect, it } from 'vitest';

import { isSameList } from './keys';

describe('isSameList', () => {
  it('keeps the rows of a list while its filter changes', () => {
    expect(isSameList(['me', 'a', 'hosts', { query: 'b' }], ['me', 'a', 'hosts', { query: 'c' }])).toBe(true);
  });

  it('keeps nothing of another object, company or person', () => {
    expect(isSameList(['me', 'a', 'host', '2'], ['me', 'a', 'host', '1'])).toBe(false);
    expect(isSameList(['me', 'b', 'hosts', {}], ['me', 'a', 'hosts', {}])).toBe(false);
    expect(isSameList(['you', 'a', 'hosts', {}], ['me', 'a', 'hosts', {}])).toBe(false);
    expect(
      isSameList(
        ['me', 'a', 'cve', 'CVE-2024-1', 'hosts', { cve: 'CVE-2024-1' }],
        ['me', 'a', 'cve', 'CVE-2024-2', 'hosts', { cve: 'CVE-2024-2' }],
      ),
    ).toBe(false);
    expect(
      isSameList(['me', 'a', 'host', '2', 'software', {}], ['me', 'a', 'host', '1', 'software', {}]),
    ).toBe(false);
  });
});
