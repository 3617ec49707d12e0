/** Reads one value out of an address; anything else than what it may be is left out. */
export type Field<T> = (raw: unknown) => T | undefined;

/** Any text that is not empty. An address that reads as a number is a text all the same. */
export const text: Field<string> = (raw) => {
  if (typeof raw === 'number' || typeof raw === 'boolean') return String(raw);
  return typeof raw === 'string' && raw !== '' ? raw : undefined;
};

/** Yes or no. */
export const flag: Field<boolean> = (raw) => {
  if (raw === true || raw === 'true') return true;
  return raw === false || raw === 'false' ? false : undefined;
};

/** A whole number above zero. */
export const count: Field<number> = (raw) => {
  const number = typeof raw === 'string' ? Number(raw) : raw;
  return typeof number === 'number' && Number.isSafeInteger(number) && number > 0 ? number : undefined;
};

/** One of some words. */
export function oneOf<const T extends readonly string[]>(words: T): Field<T[number]> {
  return (raw) => words.find((word) => word === raw);
}

/** An instant, as RFC 3339 has it. */
export const instant: Field<string> = (raw) =>
  typeof raw === 'string' && /^\d{4}-\d\d-\d\dT/.test(raw) && !Number.isNaN(Date.parse(raw))
    ? raw
    : undefined;

/** What an address holds of some fields. */
export type SearchOf<F extends Record<string, Field<unknown>>> = {
  [K in keyof F]?: NonNullable<ReturnType<F[K]>>;
};

/**
 * Reads the part of an address behind the question mark. What is unknown or wrong is dropped: a link that
 * somebody was sent shows what it can.
 */
export function search<F extends Record<string, Field<unknown>>>(fields: F) {
  return (raw: Record<string, unknown>): SearchOf<F> => {
    const found: Record<string, unknown> = {};
    for (const [name, read] of Object.entries(fields)) {
      const value = read(raw[name]);
      if (value !== undefined) found[name] = value;
    }
    return found as SearchOf<F>;
  };
}

/** What every list has: its page and how long that is. */
export const paging = { page_token: text, limit: count };

/** The filter of a list without its page: that belongs to a filter and an order, and to no other. */
export function withoutPage<S extends { page_token?: unknown; limit?: unknown }>(
  of: S,
): Omit<S, 'page_token' | 'limit'> {
  const rest = { ...of };
  delete rest.page_token;
  delete rest.limit;
  return rest;
}

/**
 * What is changed many times on the way to one list: the row that is looked at, the columns, and what is typed letter by
 * letter.
 */
const IN_PASSING: ReadonlySet<string> = new Set([
  'row',
  'hide',
  'query',
  'name',
  'platform',
  'cve',
  'product',
  'action',
  'object',
  'enrolment_label',
  'agent_version_below',
  'silent_since',
  'since',
  'until',
  'as_of',
]);

/**
 * Whether a change takes the place of the address before instead of coming after it, so that the browser's way back leads
 * to the list or page before and not through every row and letter. What is opened, and another page, come after it.
 */
export function isInPassing<S extends object>(of: S, change: Partial<S>): boolean {
  const before: Record<string, unknown> = Object.fromEntries(Object.entries(of));
  const next: Record<string, unknown> = Object.fromEntries(Object.entries(changed(of, change)));
  const others = Object.keys({ ...before, ...next }).filter((name) => before[name] !== next[name]);
  // Another filter begins the list again: the page goes with it, and was not asked for by itself.
  const own = others.filter((name) => name !== 'page_token' || 'page_token' in change);
  // One that is closed, or that another one takes the place of.
  const isPanelLeft = (name: string) => name === 'panel' && before[name] !== undefined;
  return own.length > 0 && own.every((name) => IN_PASSING.has(name) || isPanelLeft(name));
}

/** A search without its filters and its page. The company stays, and which columns are shown: neither is a filter. */
export function cleared<S extends { company?: string; hide?: string }>(of: S): Pick<S, 'company' | 'hide'> {
  return { company: of.company, hide: of.hide };
}

/** A search with some values changed; changing a filter begins the list again. Empty values go. */
export function changed<S extends object>(of: S, change: Partial<S>): S {
  const page = 'page_token' in change ? {} : { page_token: undefined };
  const next = Object.entries({ ...of, ...page, ...change });
  return Object.fromEntries(
    next.filter(([, value]) => value !== undefined && value !== null && value !== ''),
  ) as S;
}
