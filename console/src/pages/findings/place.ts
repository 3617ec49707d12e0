/** Where a row stands in a list, and what takes its place when it leaves. */
export interface Place {
  /** The row that the address names there. */
  row: string | undefined;
  /** Which of the rows it is, from zero. */
  at: number;
  /** The rows behind it. */
  after: readonly string[];
  /** The token of the page that was turned to: what stands there is looked at next, as the row before was. */
  turnedTo?: string;
}

/** The place of a row that is there. */
export const placeOf = (rows: readonly string[], at: number): Place => ({
  row: rows[at],
  at,
  after: rows.slice(at + 1),
});

/**
 * The row that has taken a place, once the list is another one: the first of those behind it that is still there, or
 * else what stands there now. It is nothing in a list without rows.
 */
export function successorOf(place: Place, rows: readonly string[]): string | undefined {
  const here = new Set(rows);
  return place.after.find((row) => here.has(row)) ?? rows[Math.min(place.at, rows.length - 1)];
}
