import { describe, expect, it } from 'vitest';

import { countSince, EVENTS_MAX, type LiveEvent, News, SORTS } from './news';

const event = (kind: string, id = '1-1'): LiveEvent => ({ id, kind, at: '2026-01-01T00:00:00Z' });

/** News by a clock that stands still until it is moved, and how often it heard of what it has done itself. */
function made() {
  const clock = { now: 10_000, own: 0 };
  const news = new News(
    () => clock.now,
    () => void (clock.own += 1),
  );
  return { clock, news, since: (at: number) => countSince(news.heard().seconds, at, SORTS) };
}

describe('news', () => {
  it('counts what happened since something was read, and nothing of before', () => {
    const { clock, news, since } = made();
    news.tell(event('finding.opened'));
    clock.now = 20_000;
    news.tell(event('finding.opened'));
    news.tell(event('finding.reopened'));
    news.tell(event('finding.resolved'));
    expect(since(15_000)).toEqual({ opened: 2, gone: 1 });
    expect(since(0)).toEqual({ opened: 3, gone: 1 });
    expect(since(20_000)).toEqual({});
  });

  it('is no news to who has done it', () => {
    const { clock, news, since } = made();
    news.expect();
    clock.now += 1_000;
    news.tell(event('finding.suppressed'));
    expect(since(0)).toEqual({});
    expect(clock.own).toBe(1);
    clock.now += 5_000;
    news.tell(event('finding.suppressed'));
    expect(since(0)).toEqual({ left: 1 });
  });

  it('keeps so much and no more, and loses no count', () => {
    const { clock, news, since } = made();
    for (let at = 0; at < 2_000; at += 1) {
      clock.now += 1_000;
      news.tell(event('finding.opened', `1-${at}`));
    }
    const { events, seconds } = news.heard();
    expect(events).toHaveLength(EVENTS_MAX);
    expect(events[0]?.id).toBe('1-1999');
    expect(seconds.length).toBeLessThan(1_000);
    expect(since(0)).toEqual({ opened: 2_000 });
  });

  it('tells its listeners once for all that came in one piece', async () => {
    const { news } = made();
    let told = 0;
    const leave = news.subscribe(() => void (told += 1));
    for (let at = 0; at < 100; at += 1) news.tell(event('policy.fail'));
    news.miss();
    await Promise.resolve();
    expect(told).toBe(1);
    leave();
    news.miss();
    await Promise.resolve();
    expect(told).toBe(1);
  });

  it('shows what it does not know, and counts it as nothing', () => {
    const { news, since } = made();
    news.tell(event('host.something'));
    expect(news.heard().events).toHaveLength(1);
    expect(since(0)).toEqual({});
  });
});
