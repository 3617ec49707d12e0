import type { Page } from '@playwright/test';

import { site } from './harness/site';
import { at, expect, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

/** A CVE that is known to be exploited, and an asset whose software alone has it. */
const CVE = 'CVE-2023-32315';
const ASSET = 'chat-server';
const WORSE = '4.7.4-r0';
const BETTER = '4.7.5-r0';
const HEADERS = { 'Muster-Csrf': '1' };
let page: Page;

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser));
  await signIn(page);
});

test.afterAll(async () => {
  await page.context().close();
});

/** Brings in what the asset consists of, and waits until it has that and nothing else. */
async function bring(version: string): Promise<void> {
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    components: [
      { type: 'operating-system', name: 'alpine', version: '3.20.3' },
      {
        type: 'library',
        name: 'openfire',
        version,
        purl: `pkg:apk/alpine/openfire@${version}?distro=alpine-3.20.3`,
      },
    ],
  };
  const headers = { ...HEADERS, 'Muster-Company': site().company };
  const asked = await page.request.post(`/api/v1/imports?name=${ASSET}`, { headers, data: document });
  expect(asked.ok(), await asked.text()).toBe(true);
  const { id } = (await asked.json()) as { id: string };
  await expect(async () => {
    const answer = await page.request.get(`/api/v1/imports/${id}`, { headers });
    expect(((await answer.json()) as { state: string }).state).toBe('done');
  }).toPass({ timeout: 30_000 });
}

const exploited = () => page.getByRole('link', { name: /^Known to be exploited/ });
/** The number of the tile. */
const count = async () => Number((await exploited().textContent())?.replace(/\D/g, ''));
const panel = () => page.getByRole('region', { name: 'Exploited, and on your hosts' });
const inList = () => page.getByRole('table', { name: 'Findings' }).getByRole('link', { name: CVE });

test('what the only host has is on the overview, with the day since when it is exploited', async () => {
  await bring(WORSE);
  await page.goto(at('/'));
  await settled(page);
  expect(await count()).toBeGreaterThan(0);
  await expect(panel().getByRole('row', { name: new RegExp(CVE) })).toContainText('24 Aug 2023');
  await exploited().click();
  await expect(page).toHaveURL(/kev=true/);
  await expect(inList()).toBeVisible();
});

test('when the only host has the repaired version, the tile and the lists fall', async () => {
  await page.goto(at('/'));
  await settled(page);
  const before = await count();
  await bring(BETTER);
  // No event tells of it: the page renews itself, or whoever looks at it does.
  await page.getByRole('button', { name: 'Refresh' }).first().click();
  await expect.poll(count).toBe(before - 1);
  await expect(panel().getByRole('link', { name: CVE })).toHaveCount(0);
  await exploited().click();
  await settled(page);
  await expect(inList()).toHaveCount(0);
  await page.goto(at(`/cves?query=${CVE}`));
  await expect(page.getByText(`Nobody has ${CVE}`)).toBeVisible();
});

test('what no host has any more is there for who asks for it, and the address says so', async () => {
  await page.goto(at('/'));
  await page.getByRole('link', { name: /of software that no host has any more/ }).click();
  await expect(page).toHaveURL(/on=none/);
  const row = page.getByRole('row', { name: new RegExp(CVE) });
  await expect(row.getByRole('link', { name: '0', exact: true })).toBeVisible();
  const which = page.getByRole('combobox', { name: 'Which software' });
  await which.selectOption('Both');
  await expect(page).toHaveURL(/on=any/);
  await page.getByLabel('Part of the software’s name').fill('openfire');
  await expect(inList()).toBeVisible();
  await which.selectOption('On hosts now');
  await expect(inList()).toHaveCount(0);
  await page.goto(at(`/cves?query=${CVE}&on=any`));
  await expect(page.getByRole('table', { name: 'Vulnerabilities' })).toContainText('24 Aug 2023');
});

/** How many rows a list of the API has, page by page. */
async function rowsOf(path: string): Promise<number> {
  let [count, token] = [0, ''];
  for (;;) {
    const answer = await page.request.get(`/api/v1/${path}&limit=1000${token}`, {
      headers: { 'Muster-Company': site().company },
    });
    const { items, next_page_token: next } = (await answer.json()) as {
      items: unknown[];
      next_page_token?: string | null;
    };
    count += items.length;
    if (next == null) return count;
    token = `&page_token=${encodeURIComponent(next)}`;
  }
}

test('the tiles lead to what they count', async () => {
  await page.goto(at('/'));
  await settled(page);
  const tiles: [RegExp, RegExp, string][] = [
    [/^Open findings/, /\/findings\?company=/, 'findings?on_hosts=true'],
    [/^Critical/, /severity_min=critical/, 'findings?on_hosts=true&severity_min=critical'],
    [/^Hosts/, /\/hosts\?company=/, 'hosts?sort=hostname'],
    [/^Software, gone included/, /view=versions/, 'software?gone=true'],
  ];
  for (const [name, address, list] of tiles) {
    const tile = page.getByRole('main').getByRole('link', { name });
    await expect(tile).toHaveAttribute('href', address);
    const shown = (await tile.textContent())?.replace(/\D/g, '');
    expect(`${String(name)} ${shown}`).toBe(`${String(name)} ${await rowsOf(list)}`);
  }
  await page.getByRole('link', { name: /^Overdue hosts/ }).click();
  await expect(page).toHaveURL(/overdue=true/);
  await expect(page.getByLabel('Reports overdue only')).toBeChecked();
  const seen = page.getByRole('columnheader', { name: /Last heard of/ });
  await page.goto(at('/hosts'));
  await seen.getByRole('button').click();
  await expect(seen).toHaveAttribute('aria-sort', 'descending');
  await seen.getByRole('button').click();
  await expect(page).toHaveURL(/sort=silent/);
  await expect(seen).toHaveAttribute('aria-sort', 'ascending');
});

test('a list of yesterday says its day, and the numbers of the overview are never of yesterday', async ({
  browser,
}) => {
  const { page: later, context } = await open(browser);
  await signIn(later);
  const now = new Date();
  await later.clock.install({ time: now });
  await later.goto(at('/findings'));
  await settled(later);
  await expect(later.getByText(/As of \d\d:\d\d:\d\d/)).toBeVisible();
  // Nothing reads such a list again but who looks at it: its time is that of the day before.
  await later.clock.setSystemTime(now.getTime() + 86_400_000);
  await later.clock.runFor(31_000);
  const day = now.toLocaleDateString('en-GB', { dateStyle: 'medium', timeZone: 'Europe/Berlin' });
  await expect(later.getByText(`As of ${day}, `)).toBeVisible();
  await later.goto(at('/'));
  await settled(later);
  const asked = (...of: string[]) =>
    of.map((what) => later.waitForRequest(new RegExp(`/api/v1/${what}(\\?|$)`)));
  const lists: string[] = [];
  later.on('request', (request) => {
    if (/\/api\/v1\/(cves|hosts)\?/.test(request.url())) lists.push(request.url());
  });
  const numbers = asked('summary', 'policies/summary', 'feeds', 'pipeline');
  await later.clock.runFor(61_000);
  await Promise.all(numbers);
  // Its lists have rows that somebody may be about to press.
  expect(lists).toEqual([]);
  const all = asked('summary', 'cves', 'hosts');
  await later.getByRole('button', { name: 'Refresh' }).first().click();
  await Promise.all(all);
  await context.close();
});

test('the past marks what is said of hosts by the present', async () => {
  const then = encodeURIComponent(new Date(Date.now() - 1000).toISOString());
  await page.goto(at(`/hosts?as_of=${then}`));
  const heads = page.getByRole('columnheader');
  for (const name of ['State (now)', 'Operating system (now)', 'Last heard of (now)', 'Agent (now)']) {
    await expect(heads.filter({ hasText: name })).toHaveCount(1);
  }
  await expect(heads.filter({ hasText: 'Last heard of' }).getByRole('button')).toHaveCount(0);
});

test('the list of versions fits a small screen', async () => {
  await page.goto(at('/software?view=versions'));
  await settled(page);
  const box = page.getByRole('region', { name: 'Versions' });
  const [inside, outside] = await box.evaluate((one) => [one.scrollWidth, one.clientWidth]);
  expect(inside).toBeLessThanOrEqual(outside ?? 0);
});

test('who misses a CVE at a piece of software asks why, and the question stands in the address', async () => {
  await page.goto(at('/software?view=versions'));
  await settled(page);
  const link = page.getByRole('table', { name: 'Versions' }).getByRole('link').first();
  const href = (await link.getAttribute('href')) ?? '';
  await page.goto(at(`${new URL(href, page.url()).pathname}?tab=matching`));
  const field = page.getByRole('searchbox', { name: 'Why it does not have a CVE' });
  await field.fill('log4shell');
  await expect(page.getByText('Give the whole name of a CVE.')).toBeVisible();
  await field.fill(CVE.toLowerCase());
  await expect(page.getByRole('main').getByRole('link', { name: CVE })).toBeVisible();
  await expect(page).toHaveURL(/cve=cve-2023-32315/);
});

test('an exception is put off, and what it says stays', async () => {
  const headers = { ...HEADERS, 'Muster-Company': site().company };
  const data = {
    rule: { cve: 'CVE-1999-0002', product: 'nothing-is-called-so' },
    status: 'affected',
    note: 'Until it is replaced.',
    expires_at: new Date(Date.now() + 86_400_000).toISOString(),
  };
  const made = await page.request.post('/api/v1/exceptions', { headers, data });
  const { id } = (await made.json()) as { id: string };
  await page.goto(at(`/exceptions?open=${id}`));
  await page.getByRole('button', { name: 'Put off or change' }).click();
  const form = page.getByRole('dialog', { name: 'Put off or change' });
  await form.getByLabel('Reason').fill('Until the new one is bought.');
  await form.getByLabel('Until').fill('2035-01-01T00:00');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form).toBeHidden();
  await expect(page).not.toHaveURL(new RegExp(id));
  const shown = page.getByRole('dialog', { name: 'Exception' });
  await expect(shown.getByText('Until the new one is bought.')).toBeVisible();
  await expect(shown.getByText(/CVE-1999-0002/).first()).toBeVisible();
  const next = new URL(page.url()).searchParams.get('open') ?? '';
  const before = await page.request.get(`/api/v1/exceptions/${id}`, { headers });
  expect(((await before.json()) as { state: string }).state).toBe('withdrawn');
  await page.request.post(`/api/v1/exceptions/${next}/withdraw`, { headers });
});
