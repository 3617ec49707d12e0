/** How ids of vulnerabilities are written, and where to read about one. */

const ID = /^(cve-\d{4}-\d{4,}|ghsa(-[0-9a-z]{4}){3})$/i;

/**
 * The id that somebody typed, as its publisher spells it: CVEs in capitals, GitHub's advisories with small
 * letters behind their prefix. Nothing for what looks like neither.
 */
export function typedId(typed: string): string | undefined {
  return ID.test(typed) ? asPublished(typed) : undefined;
}

/** An id as its publisher spells it; the ids of others as they are. */
export function asPublished(id: string): string {
  if (/^cve-/i.test(id)) return id.toUpperCase();
  return /^ghsa-/i.test(id) ? `GHSA-${id.slice(5).toLowerCase()}` : id;
}

/** Where the record of an id is published: CVEs at cve.org, advisories that name none at osv.dev. */
export function recordOf(id: string): { href: string; isCve: boolean } {
  const isCve = /^cve-/i.test(id);
  const at = isCve ? 'https://www.cve.org/CVERecord?id=' : 'https://osv.dev/vulnerability/';
  return { href: at + encodeURIComponent(id), isCve };
}
