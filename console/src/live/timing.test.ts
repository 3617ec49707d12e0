import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { atRest, sleep, spaced, UNSEEN_MS, whileSeen } from './timing';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A page that can be shown and hidden. */
function page() {
  const events = new EventTarget();
  const seen = {
    visibilityState: 'visible' as DocumentVisibilityState,
    addEventListener: events.addEventListener.bind(events),
    removeEventListener: events.removeEventListener.bind(events),
  };
  const show = (state: DocumentVisibilityState) => {
    seen.visibilityState = state;
    events.dispatchEvent(new Event('visibilitychange'));
  };
  return { seen: seen as Parameters<typeof whileSeen>[0], show };
}

describe('a stream of a page', () => {
  it('is let go a while after nobody sees the page, and begun again when somebody does', () => {
    const { seen, show } = page();
    const begun: AbortSignal[] = [];
    const end = whileSeen(seen, (signal) => void begun.push(signal));
    show('hidden');
    vi.advanceTimersByTime(UNSEEN_MS - 1);
    show('visible');
    vi.advanceTimersByTime(UNSEEN_MS);
    expect(begun.map((signal) => signal.aborted)).toEqual([false]);
    show('hidden');
    vi.advanceTimersByTime(UNSEEN_MS);
    expect(begun[0]?.aborted).toBe(true);
    show('visible');
    expect(begun.map((signal) => signal.aborted)).toEqual([true, false]);
    end();
    expect(begun[1]?.aborted).toBe(true);
    show('visible');
    expect(begun).toHaveLength(2);
  });
});

describe('waiting', () => {
  it('ends when it is told to, and not before its time otherwise', async () => {
    const stopped = new AbortController();
    const done = vi.fn();
    void sleep(1_000, stopped.signal).then(done);
    await vi.advanceTimersByTimeAsync(999);
    expect(done).not.toHaveBeenCalled();
    stopped.abort();
    await vi.advanceTimersByTimeAsync(0);
    expect(done).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('what is asked for often', () => {
  it('is done once it rests', () => {
    const run = vi.fn();
    const ask = atRest(300, run);
    for (let time = 0; time < 5; time += 1) {
      ask();
      vi.advanceTimersByTime(200);
    }
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(100);
    expect(run).toHaveBeenCalledOnce();
  });

  it('is done at once, once in a while, and a last time for what came in between', () => {
    const run = vi.fn();
    const { now, end } = spaced(1_000, run);
    for (let time = 0; time < 25; time += 1) {
      now();
      vi.advanceTimersByTime(100);
    }
    expect(run).toHaveBeenCalledTimes(3);
    vi.advanceTimersByTime(5_000);
    expect(run).toHaveBeenCalledTimes(4);
    now();
    now();
    end();
    vi.advanceTimersByTime(5_000);
    expect(run).toHaveBeenCalledTimes(5);
  });
});
