import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { run } from './programs';

/** Days that a site is given a past of. */
const DAYS = 60;

/** A CVE that hosts had two months ago, and none has now. */
export const PATCHED = 'CVE-2023-32315';

/**
 * Gives a company the past that a site has after two months: the rows that the hourly measurement would have left.
 * Nobody can wait for them. On the way down what is open falls from day to day, with one day that was missed, and a patch
 * is rolled out.
 */
export function past(data: string, company: string): void {
  const numbers = (name: string, open: string) => `'${name}', json_build_object(
    'open', ${open}, 'exposure', ${open} * 3, 'opened', 2 + n % 5, 'resolved', 4 + n % 7,
    'fix_median_s', CASE WHEN n < ${DAYS - 10} THEN 86400 * (4 + n % 9) END,
    'fix_p90_s', CASE WHEN n < ${DAYS - 10} THEN 86400 * (9 + n % 9) END)`;
  const groups = `json_build_object(${[
    numbers('all', '400 + n * 5'),
    numbers('kev', '3 + n / 10'),
    numbers('critical', '20 + n'),
    numbers('high', '120 + n'),
    numbers('medium', '200 + n * 2'),
    numbers('low', '60 + n'),
    numbers('other', '0'),
  ].join()})`;
  const rows = (step: string, count: number) => `
    INSERT INTO statistics (company_key, step, at, measured_at, counted_to, hosts, silent_hosts, groups)
    SELECT key, '${step}', at, at, at, 2, 0, ${groups}
    FROM companies, generate_series(1, ${count}) n,
      LATERAL (SELECT date_trunc('${step}', now(), 'UTC') - n * interval '1 ${step}' AS at) past
    WHERE id = '${company}' AND n <> 17
    ON CONFLICT DO NOTHING`;
  const today = `(now() AT TIME ZONE 'UTC')::date`;
  const spread = `
    INSERT INTO cve_history (company_key, cve, day, hosts)
    SELECT key, '${PATCHED}', ${today} - ago, hosts
    FROM companies, (VALUES (${DAYS}, 40), (45, 55), (20, 31), (12, 9), (5, 0)) steps (ago, hosts)
    WHERE id = '${company}' ON CONFLICT DO NOTHING;
    UPDATE companies SET cves_recorded_since = ${today} - ${DAYS} WHERE id = '${company}'`;
  sql(data, `${rows('day', DAYS)};${rows('hour', 7 * 24)};${spread}`);
}

/** Runs statements in the private PostgreSQL of a collector. Its socket lets in whoever may go there. */
function sql(data: string, statements: string): void {
  const home = join(data, 'postgres');
  // The server's own file: process, data, start, port, folder of the socket (PostgreSQL's manual, `postmaster.pid`).
  const [, , , port = '', socket = ''] = readFileSync(join(home, 'data', 'postmaster.pid'), 'utf8').split(
    '\n',
  );
  run(
    'psql',
    ['-qAtX', '-v', 'ON_ERROR_STOP=1', '-h', socket, '-p', port, '-U', 'postgres', '-f', '-', 'muster'],
    statements,
  );
}
