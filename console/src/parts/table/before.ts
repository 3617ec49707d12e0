/** Pages that are remembered; beyond that the oldest are forgotten. */
const PAGES_MAX = 1000;

/** The page that was left for a page, by their tokens. It is of the tab: an address says one page and not its way. */
const before = new Map<string, string | undefined>();

/** Remembers from which page of a list, the first where it has no token, another one was gone on to. */
export function goneOn(from: string | undefined, to: string): void {
  if (from === to) return;
  before.delete(to);
  before.set(to, from);
  const [oldest] = before.keys();
  if (before.size > PAGES_MAX && oldest !== undefined) before.delete(oldest);
}

/**
 * The token of the page before a page. It is nothing, which is the first page, where that is the one, and where nobody
 * knows: the page was opened by a link, and lists can only be read forwards.
 */
export const pageBefore = (of: string | undefined): string | undefined =>
  of === undefined ? undefined : before.get(of);
