import { type Message, Parser } from './parse';

/** How a stream stands. */
export type Standing = 'connecting' | 'open' | 'waiting' | 'ended';

/** What a stream tells, and what it goes by. */
export interface Following {
  /** Asks for the stream, after the last event that was seen. */
  ask: (last: string | undefined, signal: AbortSignal) => Promise<Response>;
  heard: (message: Message) => void;
  /** Called when something may have happened that is not told any more. */
  missed: () => void;
  stands: (standing: Standing) => void;
  /** Called when the server does not know who asks any more. */
  refused: () => void;
  /** Waits; ends early when the signal says so. */
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A number between 0 and 1 by chance, so that all consoles do not come back in one moment. */
  chance: () => number;
}

/** How far somebody has heard: what a stream goes on from, when it is begun again. */
export interface Place {
  /** The last event that was seen, or where the stream began. */
  last?: string;
  /** Whether there was a stream before. */
  hasBegun?: boolean;
}

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** Answers after which asking again is of no use. */
const FINAL = [400, 401, 403, 404, 422];

/**
 * How long to wait after some attempts in a row that came to nothing: twice as long each time, up to a minute, of
 * which a half is left to chance. What the server asks for is the least.
 */
export function waitFor(attempts: number, chance: number, asked = 0): number {
  const whole = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts, 10));
  return Math.max(asked, whole / 2) + (chance * whole) / 2;
}

/**
 * Follows the stream of events from a place on, until the signal ends it or the server says that it is not for who
 * asks. Not an `EventSource`: that can name no company, cannot tell a session that has ended from a server that is
 * away, and asks on for ever.
 */
export async function follow(following: Following, place: Place, signal: AbortSignal): Promise<void> {
  let attempts = 0;
  while (!signal.aborted) {
    following.stands('connecting');
    const asked = await once(following, place, signal, () => {
      // Whatever a stream says, it is one that works.
      attempts = 0;
    });
    if (signal.aborted) return;
    if (asked === 'final') return following.stands('ended');
    following.stands('waiting');
    await following.sleep(waitFor(attempts, following.chance(), asked), signal);
    attempts += 1;
  }
}

/** One stream from its beginning to its end: how long the server wants to be left alone then, in milliseconds. */
async function once(
  following: Following,
  place: Place,
  signal: AbortSignal,
  works: () => void,
): Promise<number | 'final'> {
  const parser = new Parser();
  try {
    const response = await following.ask(place.last, signal);
    if (!response.ok || response.body === null) return refusal(following, response);
    following.stands('open');
    // Without a place to go on from, the stream begins with the present.
    if (place.hasBegun === true && place.last === undefined) following.missed();
    place.hasBegun = true;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) break;
      works();
      for (const message of parser.push(value)) {
        place.last = message.id ?? place.last;
        if (message.event === 'gap') following.missed();
        else following.heard(message);
      }
      place.last = parser.last ?? place.last;
    }
  } catch {
    // The line is cut, or what came is no stream: both are tried again.
  }
  return parser.retry ?? 0;
}

function refusal(following: Following, response: Response): number | 'final' {
  if (response.status === 401) following.refused();
  if (FINAL.includes(response.status)) return 'final';
  return Number(response.headers.get('retry-after') ?? 0) * 1000;
}
