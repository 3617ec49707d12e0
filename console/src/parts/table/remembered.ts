/** What is kept of lists in this browser: nothing of what stands in them. */
type Kept = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const nameOf = (person: string, list: string) => `muster-columns:${person}:${list}`;

/** Which columns somebody has hidden in a list the last time, with commas between them; nothing where none. */
export function rememberedColumns(kept: () => Kept, person: string, list: string): string | undefined {
  try {
    return kept().getItem(nameOf(person, list)) ?? undefined;
  } catch {
    // A browser that keeps nothing shows all of them.
    return undefined;
  }
}

/** Keeps that. */
export function rememberColumns(
  kept: () => Kept,
  person: string,
  list: string,
  hide: string | undefined,
): void {
  try {
    if (hide === undefined) kept().removeItem(nameOf(person, list));
    else kept().setItem(nameOf(person, list), hide);
  } catch {
    // They are hidden in the address for now.
  }
}
