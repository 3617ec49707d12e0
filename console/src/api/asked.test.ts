import { QueryClient } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { countSince, News, SORTS } from '../live/news';
import { askedAt, noted } from './asked';

const KEY = ['me', 'a', 'findings', {}];

describe('when something was asked for', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 10_000 }));
  afterEach(() => void vi.useRealTimers());

  /** A client, and a way to ask with an answer that takes so long. */
  function made() {
    const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    const ask = (takes: number, isRefused = false) =>
      client.fetchQuery({
        queryKey: KEY,
        queryFn: (of) =>
          noted(
            of,
            () =>
              new Promise<object>((done, refuse) =>
                setTimeout(() => (isRefused ? refuse(new Error('away')) : done({})), takes),
              ),
          ),
      });
    return { client, ask };
  }

  it('is before what was heard while the answer was on its way', async () => {
    const { client, ask } = made();
    const news = new News(Date.now, () => undefined);
    const asked = ask(2_000);
    await vi.advanceTimersByTimeAsync(1_500);
    news.tell({ id: '1-1', kind: 'finding.opened', at: '2026-01-01T00:00:00Z' });
    await vi.advanceTimersByTimeAsync(1_500);
    await asked;
    const count = (since: number) => countSince(news.heard().seconds, since, SORTS);
    expect(count(askedAt(client, KEY))).toEqual({ opened: 1 });
    expect(client.getQueryState(KEY)?.dataUpdatedAt).toBe(12_000);
    expect(count(12_000)).toEqual({});
  });

  it('is that of what is there, as long as nothing newer came', async () => {
    const { client, ask } = made();
    expect(askedAt(client, KEY)).toBe(0);
    const first = ask(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await first;
    expect(askedAt(client, KEY)).toBe(10_000);
    const second = ask(1_000, true).catch(() => 'refused');
    await vi.advanceTimersByTimeAsync(500);
    expect(askedAt(client, KEY)).toBe(10_000);
    await vi.advanceTimersByTimeAsync(500);
    expect(await second).toBe('refused');
    expect(askedAt(client, KEY)).toBe(10_000);
    const third = ask(1_000);
    await vi.advanceTimersByTimeAsync(1_000);
    await third;
    expect(askedAt(client, KEY)).toBe(12_000);
    client.clear();
    expect(askedAt(client, KEY)).toBe(0);
  });
});
