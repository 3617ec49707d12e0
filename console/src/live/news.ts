import type { Standing } from './follow';

/** Something that happened, as the stream says it. */
export interface LiveEvent {
  id: string;
  kind: string;
  at: string;
  finding?: {
    cve: string;
    severity: string;
    known_exploited: boolean;
    fixed_in?: string;
    software: { id: string; name: string; version: string };
  };
  policy?: { id: string; name?: string; host?: string; hostname?: string; was: string; state: string };
}

/** What is counted of what happens, in the words of the page. */
export const SORTS = ['opened', 'gone', 'left', 'changed', 'policies', 'missed'] as const;
export type Sort = (typeof SORTS)[number];

/** What makes a list of findings, or one that counts them, another one. */
export const OF_FINDINGS: readonly Sort[] = ['opened', 'gone', 'left', 'changed', 'missed'];
/** The same of a list of policies or of what they come to. */
export const OF_POLICIES: readonly Sort[] = ['policies', 'missed'];

const SORT_OF: Record<string, Sort> = {
  'finding.opened': 'opened',
  'finding.reopened': 'opened',
  'finding.resolved': 'gone',
  'finding.suppressed': 'left',
  'finding.changed': 'changed',
  'policy.pass': 'policies',
  'policy.fail': 'policies',
  'policy.unknown': 'policies',
};

/** What happened within one second. */
interface Second {
  at: number;
  counts: Partial<Record<Sort, number>>;
}

/** What is known at the moment; another object whenever something is another. */
export interface Heard {
  standing: Standing;
  /** The newest first, no more than `EVENTS_MAX`. */
  events: readonly LiveEvent[];
  seconds: readonly Second[];
}

/** Events that are kept to be shown. */
export const EVENTS_MAX = 500;
/** Seconds in which something happened that are counted apart; the oldest are counted as one. */
const SECONDS_MAX = 600;
/** For so long after a change of one's own, what is heard is taken for what came of it. */
const OWN_MS = 3_000;

const NOTHING: Heard = { standing: 'connecting', events: [], seconds: [] };

/** How much of some sorts happened after an instant, by this machine's clock. */
export function countSince(seconds: readonly Second[], at: number, sorts: readonly Sort[]) {
  const counts: Partial<Record<Sort, number>> = {};
  for (const second of seconds) {
    if (second.at <= at) continue;
    for (const sort of sorts) {
      const count = second.counts[sort];
      if (count !== undefined) counts[sort] = (counts[sort] ?? 0) + count;
    }
  }
  return counts;
}

/**
 * What has happened in the company while this page is open. It marks what was read as old instead of changing it:
 * rows move when somebody says so. It belongs to one person in one company, and goes with them.
 */
export class News {
  #heard = NOTHING;
  #ownUntil = 0;
  #isTelling = false;
  readonly #listeners = new Set<() => void>();
  readonly #now: () => number;
  readonly #own: () => void;

  /** `own` is called when something is heard that this page has done itself. */
  constructor(now: () => number, own: () => void) {
    this.#now = now;
    this.#own = own;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly heard = (): Heard => this.#heard;

  /** Says that this page has just changed something: what comes of it is no news to who did it. */
  expect(): void {
    this.#ownUntil = this.#now() + OWN_MS;
  }

  stands(standing: Standing): void {
    this.#set({ ...this.#heard, standing });
  }

  /** Takes an event in. One that this version of the page does not know is shown, and counted as nothing. */
  tell(event: LiveEvent): void {
    const events = [event, ...this.#heard.events].slice(0, EVENTS_MAX);
    this.#set({ ...this.#heard, events });
    const sort = SORT_OF[event.kind];
    if (sort === undefined) return;
    if (this.#now() < this.#ownUntil) this.#own();
    else this.#count(sort);
  }

  /** Says that something may have happened which is not told any more. */
  miss(): void {
    this.#count('missed');
  }

  #count(sort: Sort): void {
    const now = this.#now();
    const { seconds } = this.#heard;
    const last = seconds.at(-1);
    const isSame = last !== undefined && Math.floor(last.at / 1000) === Math.floor(now / 1000);
    const before = isSame ? last.counts : {};
    const second = { at: now, counts: { ...before, [sort]: (before[sort] ?? 0) + 1 } };
    const all = [...(isSame ? seconds.slice(0, -1) : seconds), second];
    this.#set({ ...this.#heard, seconds: all.length > SECONDS_MAX ? joined(all) : all });
  }

  #set(heard: Heard): void {
    this.#heard = heard;
    if (this.#isTelling) return;
    this.#isTelling = true;
    // A piece of the stream may hold a hundred events, and the page is drawn once for them.
    queueMicrotask(() => {
      this.#isTelling = false;
      for (const listener of this.#listeners) listener();
    });
  }
}

/** The two oldest seconds as one, at the later of them. */
function joined(seconds: Second[]): Second[] {
  const [first, second, ...rest] = seconds;
  if (first === undefined || second === undefined) return seconds;
  const counts = { ...second.counts };
  for (const sort of SORTS) {
    const count = first.counts[sort];
    if (count !== undefined) counts[sort] = (counts[sort] ?? 0) + count;
  }
  return [{ at: second.at, counts }, ...rest];
}
