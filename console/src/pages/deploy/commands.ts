/** What of the lines that install is typed by hand; the lines themselves are the server's. */

export const SYSTEMS = ['debian', 'rpm', 'windows', 'macos'] as const;
export type System = (typeof SYSTEMS)[number];

/** What stands for where the files of a release lie, when nobody has said it. */
export const PACKAGES = 'PACKAGES';

/** Whether a text names a place that the scripts take, or none. */
export const isPlace = (text: string): boolean =>
  text === '' || /^(https:\/\/|[./~]|[A-Za-z]:\\|\\\\)[^\s'"`$;&|<>(){}*?!#]*$/.test(text);

/** Labels as people write them, `site=north, tier=web`, apart; nothing when one of them is none. */
export function labelsApart(written: string): string[] | undefined {
  const labels = written
    .split(',')
    .map((label) => label.trim())
    .filter(Boolean);
  // What needs no quoting in any of the shells.
  return labels.every((label) => /^[\w.-]+=[\w.:/@+-]*$/.test(label)) ? labels : undefined;
}
