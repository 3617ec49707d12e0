import { describe, expect, it } from 'vitest';

import {
  changed,
  cleared,
  count,
  flag,
  instant,
  isInPassing,
  oneOf,
  paging,
  search,
  text,
  withoutPage,
} from './search';

const hosts = search({
  query: text,
  kev: flag,
  sort: oneOf(['hostname', 'last_seen']),
  as_of: instant,
  ...paging,
});

describe('search', () => {
  it('reads what is right and drops what is not', () => {
    expect(hosts({ query: 'web', kev: 'true', sort: 'size', limit: '0', other: 1 })).toEqual({
      query: 'web',
      kev: true,
    });
  });

  it('keeps a text that looks like a number', () => {
    expect(hosts({ query: 42 })).toEqual({ query: '42' });
  });

  it('takes instants and nothing else for instants', () => {
    expect(instant('2026-03-01T12:00:00Z')).toBe('2026-03-01T12:00:00Z');
    expect(instant('yesterday')).toBeUndefined();
    expect(instant('2026-99-01T12:00:00Z')).toBeUndefined();
  });

  it('counts from one', () => {
    expect([count('100'), count(0), count('x'), count(1.5)]).toEqual([100, undefined, undefined, undefined]);
  });
});

describe('changed', () => {
  it('begins the list again with another filter', () => {
    expect(changed({ query: 'a', page_token: 't' }, { query: 'b' })).toEqual({ query: 'b' });
  });

  it('goes to another page with the same filter', () => {
    expect(changed({ query: 'a', page_token: 't' }, { page_token: 'u' })).toEqual({
      query: 'a',
      page_token: 'u',
    });
  });

  it('drops what is empty, and keeps no', () => {
    expect(
      changed<{ query?: string; kev?: boolean }>({ query: 'a', kev: true }, { query: '', kev: false }),
    ).toEqual({ kev: false });
  });
});

describe('cleared', () => {
  it('takes away filters and the page, and neither the company nor what columns are shown', () => {
    const search = { company: 'a', hide: 'os', query: 'b', page_token: 't' };
    expect(cleared(search)).toEqual({ company: 'a', hide: 'os' });
  });
});

describe('isInPassing', () => {
  interface Search {
    query?: string;
    state?: string;
    row?: string;
    panel?: string;
    hide?: string;
    page_token?: string;
  }
  const of: Search = { query: 'a', row: '1', page_token: 't' };

  it('leaves no step behind for a row, a column or a letter', () => {
    expect(isInPassing(of, { row: '2', page_token: 't' })).toBe(true);
    expect(isInPassing(of, { hide: 'os', page_token: 't' })).toBe(true);
    expect(isInPassing(of, { query: 'ab', row: undefined })).toBe(true);
    expect(isInPassing({ ...of, panel: 'explain' }, { panel: undefined, page_token: 't' })).toBe(true);
    expect(isInPassing({ ...of, panel: 'explain' }, { panel: 'accept', page_token: 't' })).toBe(true);
  });

  it('leaves one for another list, another page and what is opened', () => {
    expect(isInPassing(of, { state: 'any', row: undefined })).toBe(false);
    expect(isInPassing(of, { page_token: 'u', row: undefined })).toBe(false);
    expect(isInPassing<Search>({ page_token: 't' }, { page_token: undefined })).toBe(false);
    // Back to the first page, from a row of the second.
    expect(isInPassing(of, { page_token: undefined, row: undefined })).toBe(false);
    expect(isInPassing(of, { row: '2', panel: 'explain', page_token: 't' })).toBe(false);
  });
});

describe('withoutPage', () => {
  it('leaves an export the filter alone', () => {
    expect(withoutPage({ query: 'a', page_token: 't', limit: 5 })).toEqual({ query: 'a' });
  });
});
