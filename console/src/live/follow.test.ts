import { describe, expect, it } from 'vitest';

import { follow, type Following, type Place, type Standing, waitFor } from './follow';

const stream = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } });
const refuse = (status: number, headers?: Record<string, string>) => new Response(null, { status, headers });

/** Follows streams that are answered with one after the other, and is stopped behind the last. */
async function run(answers: (Response | Error)[], place: Place = {}) {
  const stopped = new AbortController();
  const seen = {
    asked: [] as (string | undefined)[],
    heard: [] as string[],
    stood: [] as Standing[],
    slept: [] as number[],
    missed: 0,
    refused: 0,
  };
  const following: Following = {
    ask: (last) => {
      seen.asked.push(last);
      const answer = answers.shift();
      if (answer === undefined) stopped.abort();
      return answer instanceof Response
        ? Promise.resolve(answer)
        : Promise.reject(answer ?? new Error('over'));
    },
    heard: (message) => void seen.heard.push(message.data),
    missed: () => void (seen.missed += 1),
    stands: (standing) => void seen.stood.push(standing),
    refused: () => void (seen.refused += 1),
    sleep: (ms) => Promise.resolve(void seen.slept.push(ms)),
    chance: () => 0,
  };
  await follow(following, place, stopped.signal);
  return seen;
}

describe('following the events', () => {
  it('goes on after the last event that was seen, and not after one that was cut', async () => {
    const seen = await run([
      stream('retry: 3000\n\nid: 1-1\ndata: a\n\n'),
      new TypeError('the network is away'),
      stream('id: 1-2\ndata: b\n\nid: 1-3\ndata: cut'),
    ]);
    expect(seen.asked).toEqual([undefined, '1-1', '1-1', '1-2']);
    expect(seen.heard).toEqual(['a', 'b']);
    expect(seen.missed).toBe(0);
  });

  it('goes on from where a stream began that told of nothing', async () => {
    const seen = await run([stream('retry: 3000\nid: 5-0\n\n: still here\n\n'), stream('id: 6-0\n')]);
    expect(seen.asked).toEqual([undefined, '5-0', '5-0']);
    expect(seen.heard).toEqual([]);
    expect(seen.missed).toBe(0);
  });

  it('waits as long as the server asks, and longer the more often it comes to nothing', async () => {
    const full = refuse(429, { 'retry-after': '30' });
    const seen = await run([refuse(503), refuse(503), full, stream('retry: 3000\n\n')]);
    expect(seen.slept).toEqual([500, 1000, 30_000, 3000]);
    expect(waitFor(50, 1)).toBe(60_000);
  });

  it('says when something may have been missed', async () => {
    const nothingToGoOnFrom = await run([stream(': still here\n\n'), stream(': still here\n\n')]);
    expect(nothingToGoOnFrom.missed).toBe(1);
    const forgotten = await run([stream('event: gap\ndata: {}\n\n')], { last: '1-1', hasBegun: true });
    expect(forgotten.missed).toBe(1);
    expect(forgotten.heard).toEqual([]);
  });

  it('ends for good with the session, and says so', async () => {
    const seen = await run([refuse(401), stream('data: never\n\n')]);
    expect(seen.refused).toBe(1);
    expect(seen.heard).toEqual([]);
    expect(seen.stood.at(-1)).toBe('ended');
  });

  it('hears nothing more once it is stopped', async () => {
    const stopped = new AbortController();
    const heard: string[] = [];
    const following: Following = {
      ask: () => {
        stopped.abort();
        return Promise.resolve(stream('data: of the company before\n\n'));
      },
      heard: (message) => void heard.push(message.data),
      missed: () => undefined,
      stands: () => undefined,
      refused: () => undefined,
      sleep: () => Promise.resolve(),
      chance: () => 0,
    };
    await follow(following, {}, stopped.signal);
    expect(heard).toEqual([]);
  });
});
