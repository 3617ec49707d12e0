import { readFileSync } from 'node:fs';

import type { Page } from '@playwright/test';

import { agent, stopAll } from './harness/programs';
import { site } from './harness/site';
import { at, expect, FOR_A_MINUTE, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

let page: Page;
let cve = '';

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser));
});

/** The CVEs of all findings of a filter, page by page. */
async function findings(query: string): Promise<string[]> {
  const headers = { 'Muster-Company': site().company };
  const all: string[] = [];
  let token: string | undefined = '';
  while (token !== undefined) {
    const answer = await page.request.get(`/api/v1/findings?limit=1000&${query}${token}`, { headers });
    const { items, next_page_token: next } = (await answer.json()) as {
      items: { cve: { id: string } }[];
      next_page_token?: string;
    };
    all.push(...items.map((one) => one.cve.id));
    token = next && `&page_token=${encodeURIComponent(next)}`;
  }
  return all;
}

test.afterAll(stopAll);

test('whoever is not signed in is asked to, and comes back to the page they wanted', async () => {
  await page.goto(at('/software'));
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await page.getByLabel('Email address').fill(site().email);
  await page.getByLabel(/^Password/).fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('not right');
  await page.getByLabel(/^Password/).fill(site().password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Software' })).toBeVisible();
  await expect(page).toHaveURL(new RegExp(site().company));
});

test('an agent is deployed with the token of the page, and its host appears', async () => {
  await page.goto(at('/deploy'));
  await page.getByLabel(/^What it is for/).fill('A second machine');
  await page.getByLabel('Enrolled with the labels').fill('site=north, tier=web');
  await page.getByRole('button', { name: 'Make the token' }).click();
  // The form is gone with what was pressed, and what has come is read out.
  await expect(page.getByRole('heading', { name: 'The token is made' })).toBeFocused();
  const token =
    (await page.getByRole('region', { name: 'The token', exact: true }).textContent())?.trim() ?? '';
  expect(token).toMatch(/^mst1\.\S+$/);
  await page.getByLabel('Where the packages lie').fill('https://packages.example/muster');
  await page.getByLabel('System', { exact: true }).selectOption('windows');
  await expect(page.getByRole('region', { name: /^Or silently/ })).toContainText('msiexec /i');
  await expect(page.getByRole('region', { name: /^Install it/ })).toContainText(
    '-From https://packages.example/muster',
  );
  // The token stands in its own box and in no line that is run.
  expect(await page.getByRole('region').filter({ hasText: token }).count()).toBe(2);
  await expect(page.getByText('Waiting for the first host')).toBeVisible();
  agent(site().binaries, site().folder, `second-${Date.now()}`, token);
  await expect(page.getByText('1 host has come.')).toBeVisible({ timeout: 30_000 });
  // Another token has nobody yet, whoever came with this one.
  const address = page.url();
  await page.getByRole('button', { name: 'Make another token' }).click();
  await expect(page.getByRole('heading', { name: 'New enrolment token' })).toBeFocused();
  await page.getByLabel(/^What it is for/).fill('A third machine');
  await page.getByRole('button', { name: 'Make the token' }).click();
  await expect(page.getByText('Waiting for the first host')).toBeVisible();
  await page.goto(address);
  await expect(page.getByText('1 host has come.')).toBeVisible();
  const host = page.getByRole('region', { name: 'Who came with the token' }).getByRole('link').first();
  await expect(page.getByText(/reports: [1-9]/)).toBeVisible({ timeout: 45_000 });
  await host.click();
  await expect(page.getByText('site=north, tier=web')).toBeVisible();
});

test('the overview says what there is, and of when', async () => {
  await page.goto(at('/'));
  await settled(page);
  await expect(page.getByRole('link', { name: /Open findings [1-9]/ })).toBeVisible();
  await expect(page.getByText(/As of \d\d:\d\d:\d\d/).first()).toBeVisible();
});

test('who has a CVE is found from anywhere by the keyboard', async () => {
  await page.goto(at('/findings'));
  cve = (await page.locator('tbody a').first().textContent()) ?? '';
  expect(cve).toMatch(/^CVE-/);
  await page.goto(at('/labels'));
  await settled(page);
  await page.keyboard.press('Control+k');
  await page.getByPlaceholder('A host, software, a CVE or a page').fill(cve.toLowerCase());
  await page.getByRole('button', { name: new RegExp(`Look up ${cve}`) }).click();
  await expect(page.getByRole('heading', { level: 1, name: cve })).toBeVisible();
  await expect(page.getByRole('table', { name: 'Hosts' }).getByRole('link').first()).toBeVisible();
});

test('a finding is explained by the keyboard, and the address says which', async () => {
  await page.goto(at('/findings'));
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.keyboard.press('e');
  const panel = page.getByRole('dialog', { name: 'Why this finding is said' });
  await expect(panel.getByText('2 of')).toBeVisible();
  await expect(panel.getByText('Compared version')).toBeVisible();
  await expect(page).toHaveURL(/panel=explain/);
  const address = page.url();
  await page.goto('about:blank');
  await page.goto(address);
  await expect(panel.getByText('2 of')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
});

test('a finding is accepted with a reason and an end, and is open again when that is taken back', async () => {
  await page.goto(at(`/findings?cve=${cve}`));
  await settled(page);
  const rows = page.getByRole('table', { name: 'Findings' }).locator('tbody tr[data-row]');
  const before = await rows.count();
  await page.keyboard.press('j');
  await page.keyboard.press('a');
  const panel = page.getByRole('dialog', { name: 'Accept a finding' });
  await expect(panel.getByText(/Open findings: 1\./)).toBeVisible();
  await panel.getByRole('button', { name: 'Accept' }).click();
  await expect(panel.getByText('Say why.')).toBeVisible();
  await panel.getByLabel('Reason').fill('The service is not reachable from outside.');
  await panel.getByRole('button', { name: 'Accept' }).click();
  await expect(panel).toBeHidden();
  await expect(rows).toHaveCount(before - 1);

  await page.goto(at(`/exceptions?cve=${cve}`));
  await page.getByRole('table', { name: 'Exceptions' }).getByRole('button').first().click();
  const detail = page.getByRole('dialog', { name: 'Exception' });
  await expect(detail.getByText('The service is not reachable from outside.')).toBeVisible();
  await detail.getByRole('button', { name: 'Withdraw' }).click();
  await page.getByRole('dialog', { name: 'Withdraw' }).getByRole('button', { name: 'Withdraw' }).click();
  await expect(detail.getByText('Withdrawn')).toBeVisible();
  await page.goto(at(`/findings?cve=${cve}`));
  await expect(rows).toHaveCount(before);
});

test('a finding is accepted for a minute', async () => {
  // waited.spec.ts has what becomes of it: the files between the two take that minute.
  await page.goto(at('/findings?sort=epss'));
  await settled(page);
  const row = page.getByRole('table', { name: 'Findings' }).locator('tbody tr[data-row]').first();
  const brief = (await row.getByRole('link').first().textContent()) ?? '';
  await page.keyboard.press('j');
  await page.keyboard.press('a');
  const panel = page.getByRole('dialog', { name: 'Accept a finding' });
  await panel.getByLabel('What it is about').selectOption({ label: `${brief}, wherever it is` });
  await panel.getByLabel('Reason').fill(FOR_A_MINUTE);
  // The field has minutes, and what it says has to be ahead.
  const end = new Date(Math.ceil(Date.now() / 60_000 + 0.5) * 60_000);
  const local = end.toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' });
  await panel.getByLabel('Until').fill(local.slice(0, 16).replace(' ', 'T'));
  await panel.getByRole('button', { name: 'Accept' }).click();
  await expect(panel).toBeHidden();
  await page.goto(at(`/findings?cve=${brief}`));
  await expect(page.getByText('No finding fits')).toBeVisible();
  await page.goto(at(`/findings?cve=${brief}&state=suppressed`));
  await expect(
    page.getByRole('table', { name: 'Findings' }).getByRole('link', { name: brief }).first(),
  ).toBeVisible();
});

test('a label is made with a rule and a policy for it, and both say which hosts', async () => {
  await page.goto(at('/labels'));
  await page.getByRole('button', { name: 'New label' }).first().click();
  const label = page.getByRole('dialog', { name: 'New label' });
  const name = `Linux ${Date.now()}`;
  await label.getByLabel(/^Name/).fill(name);
  await label.getByText('A rule').click();
  await label.getByLabel(/^Value/).fill('linux');
  await label.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('row', { name: new RegExp(name) })).toContainText('Platform linux');

  await page.goto(at('/policies'));
  await page.getByRole('button', { name: 'New policy' }).first().click();
  const policy = page.getByRole('dialog', { name: 'New policy' });
  await policy.getByLabel(/^Name/).fill(`No bash ${Date.now()}`);
  await policy.getByLabel('What has to hold').selectOption('no_software');
  await policy.getByRole('textbox', { name: /^Name/ }).last().fill('bash');
  await policy.getByLabel('Label').selectOption({ label: name });
  await policy.getByRole('button', { name: 'Save' }).click();
  await expect(policy).toBeHidden();
  await page
    .getByRole('table', { name: 'Policies' })
    .getByRole('link', { name: /No bash/ })
    .last()
    .click();
  await expect(page.getByText(/[1-9] fail/)).toBeVisible({ timeout: 15_000 });
  await expect(page.getByRole('table', { name: 'Hosts' }).getByText('Fails').first()).toBeVisible();
});

test('what is exported is exactly what is filtered, in the order of the list', async () => {
  for (const query of [
    'severity_min=critical',
    'severity_min=high&sort=epss',
    'severity_min=low&cve=CVE-1999-0001',
  ]) {
    await page.goto(at(`/findings?${query}`));
    await settled(page);
    const listed = await findings(query);
    const first = page
      .getByRole('table', { name: 'Findings' })
      .locator('tbody tr[data-row] td:first-child a');
    const shown = await first.allTextContents();
    expect(shown).toEqual(listed.slice(0, shown.length));
    await page.getByRole('button', { name: 'Export' }).click();
    const saving = page.waitForEvent('download');
    await page.getByRole('menuitem', { name: 'As CSV' }).click();
    const lines = readFileSync(await (await saving).path(), 'utf8')
      .trim()
      .split('\n');
    expect(lines[0]).toContain('cve,severity');
    expect(lines.slice(1).map((one) => /CVE-\d+-\d+/.exec(one)?.[0])).toEqual(listed);
  }
});

test('a list is looked at as it was', async () => {
  await page.goto(at('/hosts'));
  await expect(page.getByRole('table', { name: 'Hosts' }).getByRole('link').first()).toBeVisible();
  await page.goto(at(`/hosts?as_of=${encodeURIComponent(site().since)}`));
  await expect(page.getByText('No host fits')).toBeVisible();
  await expect(page.getByText(/As it was at \d/)).toBeVisible();
});

test('a VEX document goes out and comes in', async () => {
  await page.goto(at('/exceptions?tab=vex'));
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'OpenVEX' }).click();
  const document = JSON.parse(readFileSync(await (await saving).path(), 'utf8')) as { '@context': string };
  expect(document['@context']).toContain('openvex');
  const brought = {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': 'urn:test:1',
    author: 'Test',
    timestamp: '2026-01-01T00:00:00Z',
    version: 1,
    statements: [
      { vulnerability: { name: cve }, products: [{ '@id': 'pkg:deb/debian/never' }], status: 'fixed' },
    ],
  };
  await page.locator('input[type=file]').setInputFiles({
    name: 'vex.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(brought)),
  });
  await expect(page.getByText('The document is in')).toBeVisible();
});

test('a host is scanned now, and given a label by hand', async () => {
  await page.goto(at('/hosts'));
  await page.getByRole('table', { name: 'Hosts' }).getByRole('link').first().click();
  await page.getByRole('button', { name: 'Scan now' }).click();
  await expect(page.getByText('The host is asked for a scan.')).toBeVisible();
  for (const tab of ['Software', 'Findings', 'Policies', 'Sources']) {
    await page.getByRole('tab', { name: tab }).click();
    await settled(page);
    await expect(page.getByRole('table').first()).toBeVisible();
  }
});

test('what a host had at an instant is found from its history', async () => {
  await page.getByRole('tab', { name: 'History' }).click();
  const history = page.getByRole('region', { name: 'History' });
  const first = history
    .getByRole('listitem')
    .filter({ hasText: /First inventory: [\d,]+ pieces? of software/ });
  await expect(first).toBeVisible();
  // As one entry, until somebody asks what it was.
  await expect(first.getByRole('link')).toHaveCount(1);
  const more = first.getByRole('button', { name: 'Show what' });
  await more.press('Enter');
  await expect(first.getByText('Installed', { exact: true }).first()).toBeVisible();
  await history.getByLabel('What', { exact: true }).selectOption('finding_opened');
  await expect(page).toHaveURL(/kind=finding_opened/);
  await expect(history.getByText(/^First inventory: [\d,]+ findings?$/)).toBeVisible();
  await history.getByRole('link', { name: 'All that it had then' }).first().click();
  await expect(page).toHaveURL(/tab=software/);
  await expect(page.getByText(/As it was at \d/)).toBeVisible();
  await expect(page.getByRole('table', { name: 'Software' }).getByRole('link').first()).toBeVisible();
});

test('a document is imported, its progress is followed, and its asset has what it lists', async () => {
  await page.goto(at('/imports'));
  const part = page.getByRole('region', { name: 'Import a document' });
  const package_ = (name: string, version: string) => ({
    type: 'library',
    name,
    version,
    purl: `pkg:npm/${name}@${version}`,
  });
  const components = [
    package_('lodash', '4.17.20'),
    package_('left-pad', '1.3.0'),
    { type: 'library', name: 'acme' },
  ];
  const file = part.locator('input[type=file]');
  await file.setInputFiles({
    // Behind all machines, whatever they are called.
    name: 'zz shop image.cdx.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', components })),
  });
  await expect(part.getByLabel('Name of the asset')).toHaveValue('zz shop image');
  // The same file can be picked again: a field that keeps it would say nothing then.
  await expect(file).toHaveValue('');
  await part.getByLabel('Labels').fill('team=web');
  await part.getByRole('button', { name: 'Import', exact: true }).click();
  const detail = page.getByRole('dialog', { name: 'Import' });
  await expect(detail.getByText('2 new, 0 gone, 0 as before').first()).toBeVisible({ timeout: 30_000 });
  await expect(detail.getByText(/1 component left out: neither/)).toBeVisible();
  // The next asset has labels of its own.
  await expect(part.getByLabel('Labels')).toHaveValue('');
  await detail.getByRole('link', { name: 'zz shop image' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'zz shop image' })).toBeVisible();
  await expect(page.getByText('From a document')).toBeVisible();
  await expect(page.getByText('team=web')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Scan now' })).toHaveCount(0);
  await expect(page.getByRole('table').getByText('lodash').first()).toBeVisible();
});

test('an import whose stream ends too early is asked for until it is over', async () => {
  // A node that is stopped ends its streams, whatever goes on.
  const stream = '**/api/v1/imports/*/events';
  await page.route(stream, (route) => route.fulfill({ contentType: 'text/event-stream', body: ':\n\n' }));
  const one = /\/api\/v1\/imports\/[0-9a-f-]{36}$/;
  let asked = 0;
  await page.route(one, async (route) => {
    asked += 1;
    const answer = await route.fetch();
    const json = (await answer.json()) as object;
    await route.fulfill({ response: answer, json: asked > 2 ? json : { ...json, state: 'running' } });
  });
  await page.goto(at('/imports'));
  await page
    .getByRole('table', { name: 'Imports' })
    .getByRole('button', { name: 'zz shop image' })
    .first()
    .click();
  const detail = page.getByRole('dialog', { name: 'Import' });
  await expect(detail.getByText(/^Not live at the moment/)).toBeVisible();
  await expect(detail.getByText('Done', { exact: true })).toBeVisible({ timeout: 15_000 });
  await expect(detail.getByText(/^Not live at the moment/)).toBeHidden();
  await page.unroute(stream);
  await page.unroute(one);
});

test('signing out leaves nothing behind', async () => {
  await page.goto(at('/hosts'));
  await settled(page);
  const gate: { open?: () => void } = {};
  const opened = new Promise<void>((done) => {
    gate.open = done;
  });
  const session = '**/api/v1/sessions/current';
  await page.route(session, async (route) => {
    await opened;
    await route.continue();
  });
  await page.getByRole('button', { name: 'Account menu' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByText('You are being signed out…')).toBeAttached();
  await expect(page.getByRole('button', { name: 'Account menu' })).toBeDisabled();
  gate.open?.();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await page.unroute(session);
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await expect(page.getByRole('table')).toHaveCount(0);
  await signIn(page);
});
