import { readFileSync } from 'node:fs';

/** A running site: a collector with its PostgreSQL and data, and an operator who may sign in. */
export interface Site {
  url: string;
  email: string;
  password: string;
  /** Where the programs are. */
  binaries: string;
  /** A folder for what a test leaves. */
  folder: string;
  /** When the site was made: before that, it had no host. */
  since: string;
  /** The company that has a host from the beginning, and one that has none. */
  company: string;
  other: string;
}

/** The site that the tests run against. */
export function site(): Site {
  const file = process.env.CONSOLE_SITE;
  if (file === undefined) throw new Error('no site was started');
  return JSON.parse(readFileSync(file, 'utf8')) as Site;
}
