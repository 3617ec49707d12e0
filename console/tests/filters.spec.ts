import type { Page } from '@playwright/test';

import { site } from './harness/site';
import { at, expect, open, refused, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

let page: Page;

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser));
  await signIn(page);
});

test.afterAll(() => page.context().close());

const filters = () => page.getByRole('search', { name: 'Filters' });
const search = () => page.getByPlaceholder('A host, software, a CVE or a page');

/** The first of a list of the API. */
async function first<T>(path: string): Promise<T> {
  const answer = await page.request.get(`/api/v1/${path}`, { headers: { 'Muster-Company': site().company } });
  const { items } = (await answer.json()) as { items: T[] };
  if (items[0] === undefined) throw new Error(`nothing in ${path}`);
  return items[0];
}

test('a field says it when what is typed there is not in force', async () => {
  await page.goto(at('/hosts'));
  await settled(page);
  const below = page.getByLabel('Agent older than');
  await below.fill('0.2');
  await expect(page.getByText('Not in force: three numbers with dots, as 0.2.0.')).toBeVisible();
  await expect(page).not.toHaveURL(/agent_version_below/);
  await below.fill('0.2.0');
  await expect(page.getByText('Not in force')).toHaveCount(0);
  await expect(page).toHaveURL(/agent_version_below=0\.2\.0/);
  const enrolled = page.getByLabel('Enrolled with');
  await enrolled.fill('north');
  await expect(page.getByText('Not in force: a name and a value, as site=north.')).toBeVisible();
  // All filters are taken away, those that are none as well.
  await page.getByRole('button', { name: 'Clear filters' }).click();
  // The button is gone, and whoever pressed it is where it was.
  await expect(filters()).toBeFocused();
  await expect(below).toHaveValue('');
  await expect(enrolled).toHaveValue('');
  await expect(page.getByText('Not in force')).toHaveCount(0);
});

test('a filter that a link has set is shown by name, and can be taken away', async () => {
  const software = await first<{ id: string; name: string; version: string }>(
    'software?vulnerable=true&limit=1',
  );
  const host = await first<{ id: string; hostname: string }>('hosts?limit=1');
  await page.goto(at(`/hosts?software=${software.id}`));
  const chip = page.getByRole('button', {
    name: `Take the filter away: Software: ${software.name} ${software.version}`,
    exact: true,
  });
  await expect(chip).toBeVisible();
  await chip.press('Enter');
  await expect(page).not.toHaveURL(/software=/);
  await expect(chip).toHaveCount(0);
  await expect(filters()).toBeFocused();
  await page.goto(at(`/findings?host=${host.id}&state=any`));
  await page
    .getByRole('button', { name: `Take the filter away: Host: ${host.hostname}`, exact: true })
    .click();
  await expect(page).not.toHaveURL(/host=/);
  await expect(page).toHaveURL(/state=any/);
  const me = (await (await page.request.get('/api/v1/me')).json()) as { id: string };
  await page.goto(at(`/audit?actor=${me.id}`));
  await page.getByRole('button', { name: /^Take the filter away: Who: ./ }).click();
  await expect(page).not.toHaveURL(/actor=/);
});

test('nothing is written over who types', async () => {
  await page.goto(at('/hosts'));
  await settled(page);
  const name = page.getByLabel('Part of the name');
  await name.pressSequentially('visual ');
  await expect(page).toHaveURL(/query=visual/);
  await name.pressSequentially('studio');
  await expect(page).toHaveURL(/query=visual(\+|%20)studio/);
  await expect(name).toHaveValue('visual studio');
  // What comes from elsewhere is.
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(name).toHaveValue('');
});

test('a date counts once its year is whole', async () => {
  const asked: string[] = [];
  page.on('request', (request) => {
    const instant = new URL(request.url()).searchParams.get('as_of');
    if (instant !== null) asked.push(instant);
  });
  await page.goto(at(`/hosts?as_of=${encodeURIComponent(site().since)}`));
  await settled(page);
  const field = page.getByLabel('As it was at');
  const before = await field.inputValue();
  expect(asked.length).toBeGreaterThan(0);
  // Day, month and year, in the order of the browser's language: the year is behind both.
  await field.focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  const [first = '', ...others] = before.slice(0, 4);
  await page.keyboard.press(first);
  // Whoever looks the date up is slower than what waits for the next digit.
  await expect(page.getByText('Not in force: give the whole date and time.')).toBeVisible();
  for (const digit of others) await page.keyboard.press(digit);
  await field.blur();
  await expect(page.getByText('Not in force')).toHaveCount(0);
  await expect(field).toHaveValue(before);
  await settled(page);
  expect(asked.filter((instant) => instant.startsWith('0'))).toEqual([]);
});

test('the search opens from a field', async () => {
  await page.goto(at('/hosts'));
  await settled(page);
  for (const field of [page.getByLabel('Part of the name'), page.getByLabel('Kind')]) {
    await field.focus();
    await page.keyboard.press('Control+k');
    await expect(search()).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(search()).toBeHidden();
  }
});

test('the search opens from a button of a dialog, and not from what is written there', async ({
  browser,
}) => {
  const { page: later, context } = await open(browser);
  await signIn(later);
  await later.clock.install();
  await later.goto(at('/labels?edit=new'));
  // Its script comes after that of the page.
  await expect(later.getByRole('button', { name: 'Search hosts, software and CVEs' })).toBeVisible();
  const found = later.getByPlaceholder('A host, software, a CVE or a page');
  const dialog = later.getByRole('dialog', { name: 'New label' });
  const name = dialog.getByLabel(/^Name/);
  await name.fill('Half');
  await name.press('Control+k');
  // Whatever the keys have set off is over then.
  await later.clock.runFor(2_000);
  await expect(found).toHaveCount(0);
  await expect(name).toHaveValue('Half');
  await dialog.getByRole('button', { name: 'Save' }).press('Control+k');
  await later.clock.runFor(2_000);
  await expect(found).toBeFocused();
  await context.close();
});

test('the past and who is silent at present are not asked for together', async () => {
  await page.goto(at(`/hosts?as_of=${encodeURIComponent(site().since)}`));
  await settled(page);
  const silent = page.getByLabel('Not heard of since');
  await silent.fill('2026-01-01T12:00');
  await silent.blur();
  await expect(page).toHaveURL(/silent_since=/);
  await expect(page).not.toHaveURL(/as_of=/);
  await expect(page.getByLabel('As it was at')).toHaveValue('');
  await settled(page);
});

test('an advisory that nothing has can be looked up, however it is spelled', async () => {
  await page.goto(at('/cves?query=ghsa-9WX4-h78v-vm56'));
  await expect(page.getByText('Nobody has GHSA-9wx4-h78v-vm56')).toBeVisible();
  await page.getByRole('link', { name: 'See what is known of it' }).click();
  await expect(page).toHaveURL(/\/cves\/GHSA-9wx4-h78v-vm56/);
});

test('the search says nothing is there only when it knows', async () => {
  await page.goto(at('/labels'));
  await settled(page);
  const gate: { open?: () => void } = {};
  const opened = new Promise<void>((done) => {
    gate.open = done;
  });
  const titles = '**/api/v1/software/titles?*';
  const cves = '**/api/v1/cves?*';
  await page.route(titles, async (route) => {
    await opened;
    await route.continue();
  });
  await page.route(cves, (route) => route.fulfill({ status: 500, json: { title: 'broken', status: 500 } }));
  await page.keyboard.press('Control+k');
  const list = page.getByRole('dialog', { name: 'Search hosts, software and CVEs' });
  await search().fill('q');
  await expect(list.getByText('Type two letters or more')).toBeVisible();
  await refused(page, 500, () => search().fill('zz-nobody-is-called-so'));
  await expect(list.getByText('Looking…')).toBeVisible();
  await expect(list.getByText('Nothing has this in its name.')).toHaveCount(0);
  gate.open?.();
  await expect(list.getByText('Could not look everywhere. What is missing: Vulnerabilities.')).toBeVisible();
  await expect(list.getByText('Nothing has this in its name.')).toHaveCount(0);
  await page.unroute(cves);
  await list.getByRole('button', { name: /^Try again/ }).click();
  await expect(list.getByText('Nothing has this in its name.')).toBeVisible();
  await page.unroute(titles);
});
