/**
 * Whether two keys are of one list, with another filter or page at most. The rows before stay until the new ones
 * are there then; of another object nothing stays, not for a moment: which one a list is of stands before its filter.
 */
export function isSameList(key: readonly unknown[], before: readonly unknown[] | undefined): boolean {
  const isList = typeof key.at(-1) === 'object' && key.length === before?.length;
  return isList && JSON.stringify(key.slice(0, -1)) === JSON.stringify(before.slice(0, -1));
}

/**
 * What is read of all companies, for operators: it is of no single one, and is asked for again when one is made or
 * goes.
 */
export const companiesKey = (person: string | undefined): readonly unknown[] => [person, 'companies'];
