import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { past } from './history';
import { agent, httpOf, run, start, stopAll, until } from './programs';
import type { Site } from './site';

const EMAIL = 'ops@example.org';
const PASSWORD = 'correct horse battery staple';

/**
 * Starts a site of its own: a collector with a private PostgreSQL and the bundled feeds, two companies, and in
 * one of them a past of two months and this machine's own agent. `CONSOLE_SITE` names the description of one that runs already.
 */
export default async function (): Promise<(() => Promise<void>) | undefined> {
  if (process.env.CONSOLE_SITE !== undefined) return undefined;
  const binaries = process.env.BINARIES;
  if (binaries === undefined)
    throw new Error('BINARIES names no folder with muster-collector and muster-agent');
  const folder = mkdtempSync(join(tmpdir(), 'muster-console.'));
  // PostgreSQL runs as another user than root, and has to get to its files.
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  mkdirSync(data, { mode: 0o755 });
  const program = join(binaries, 'muster-collector');
  const collector = (...args: string[]) => run(program, ['--data-dir', data, ...args]).trim();

  const company = collector('company', 'create', 'Northwind').split(/\s/)[0] ?? '';
  const other = collector('company', 'create', 'Southwind').split(/\s/)[0] ?? '';
  const secret = join(folder, 'password');
  writeFileSync(secret, PASSWORD, { mode: 0o600 });
  collector('user', 'create', EMAIL, '--password-file', secret);
  collector('feed', 'import', new URL('../../../enrichment/data/feed', import.meta.url).pathname);
  const http = `127.0.0.1:${await freePort()}`;
  start(
    program,
    ['--data-dir', data, 'serve', '--http', http, '--listen', '127.0.0.1:0'],
    join(folder, 'collector.log'),
    {
      MUSTER_FEEDS_SYNC: 'false',
      // Tests come faster than people.
      MUSTER_HTTP_PRINCIPAL_REQUESTS_PER_MINUTE: '1000000',
      MUSTER_HTTP_COMPANY_REQUESTS_PER_MINUTE: '1000000',
      // Receivers of webhooks are in the tests' own process.
      MUSTER_WEBHOOKS_ALLOW_HTTP: 'true',
      MUSTER_WEBHOOKS_ALLOWED_NETWORKS: '127.0.0.0/8',
      // And so is a company's provider of identities.
      MUSTER_OIDC_PUBLIC_URL: `http://${http}`,
      MUSTER_OIDC_ALLOW_HTTP: 'true',
      MUSTER_OIDC_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128',
    },
  );
  const url = await until('the collector', () => httpOf(data));
  await until('an answer', async () =>
    (await fetch(`${url}/readyz`).catch(() => undefined))?.ok ? true : undefined,
  );

  past(data, company);

  const site: Site = {
    url,
    email: EMAIL,
    password: PASSWORD,
    binaries,
    folder,
    since: new Date().toISOString(),
    company,
    other,
  };
  const file = join(folder, 'site.json');
  writeFileSync(file, JSON.stringify(site));
  process.env.CONSOLE_SITE = file;
  agent(binaries, folder, 'first', collector('token', 'create', '--company', 'Northwind'));
  const said = join(folder, 'first.log');
  await until('the first inventory', () =>
    readFileSync(said, 'utf8').includes('is delivered') ? true : undefined,
  );

  return async () => {
    await stopAll();
    if (process.env.KEEP === undefined) rmSync(folder, { recursive: true, force: true });
  };
}

/** A port that nobody has: providers send people back to an address that is set before the collector starts. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
