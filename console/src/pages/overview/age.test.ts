import { describe, expect, it } from 'vitest';

import { daysOld } from './age';

const NOW = Date.parse('2026-03-10T12:00:00Z');

describe('daysOld', () => {
  it('counts whole days since a feed was brought in the last time', () => {
    const feed = (last: string) => ({ last_success_at: last, imported_at: '2026-01-01T00:00:00Z' });
    expect(daysOld(feed('2026-03-09T12:00:01Z'), NOW)).toBe(0);
    expect(daysOld(feed('2026-03-09T12:00:00Z'), NOW)).toBe(1);
    expect(daysOld(feed('2026-02-28T00:00:00Z'), NOW)).toBe(10);
  });

  it('counts from the import of what is never fetched, as where there is no network', () => {
    expect(daysOld({ last_success_at: null, imported_at: '2026-03-07T00:00:00Z' }, NOW)).toBe(3);
  });

  it('is nothing where the clock of the reader is behind', () => {
    expect(daysOld({ last_success_at: '2026-03-11T00:00:00Z', imported_at: '' }, NOW)).toBe(0);
  });
});
