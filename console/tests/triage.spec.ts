import type { Page } from '@playwright/test';

import { site } from './harness/site';
import { at, expect, open, refused, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

const REASON = `Looked at, one after another ${Date.now()}`;
let page: Page;

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser));
  await signIn(page);
});

test.afterAll(() => page.context().close());

const rows = () => page.getByRole('table', { name: 'Findings' }).locator('tbody tr[data-row]');
const current = () => page.locator('tr[aria-current=true]');
const explained = () => page.getByRole('dialog', { name: 'Why this finding is said' });
const accepting = () => page.getByRole('dialog', { name: 'Accept a finding' });
const ids = () => rows().evaluateAll((all) => all.map((row) => row.getAttribute('data-row') ?? ''));
const cveOf = (id: string) => id.split('~')[0] ?? '';

test('the links of a row lead where they say, and the rest of it to the row', async () => {
  await page.goto(at('/findings?limit=5&severity_min=unknown'));
  await settled(page);
  const row = rows().nth(1);
  const cve = (await row.getByRole('link').first().textContent()) ?? '';
  await row.getByRole('link').first().click();
  await expect(page.getByRole('heading', { level: 1, name: cve })).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL(/\/findings\?.*severity_min=unknown/);
  await row.getByRole('cell').nth(1).click();
  await expect(row).toHaveAttribute('aria-current', 'true');
  await expect(page).toHaveURL(/severity_min=unknown/);
  const software = (await row.getByRole('link').nth(1).textContent()) ?? '';
  await row.getByRole('link').nth(1).press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: software })).toBeVisible();
});

test('the links of a row of a host lead where they say', async () => {
  await page.goto(at('/hosts?kind=agent'));
  await page.getByRole('table', { name: 'Hosts' }).getByRole('link').first().click();
  await page.getByRole('tab', { name: 'Findings' }).click();
  const link = rows().first().getByRole('link').first();
  const cve = (await link.textContent()) ?? '';
  await link.click();
  await expect(page.getByRole('heading', { level: 1, name: cve })).toBeVisible();
});

test('keys work again once a filter was chosen', async () => {
  await page.goto(at('/findings?limit=5'));
  await settled(page);
  // The letters of a choice are the list's of choices until one is made.
  await page.getByLabel('At least as severe as').focus();
  await page.keyboard.press('j');
  // From a button the same key goes to the first row: it would be the second one if the list had taken the one before.
  await page.getByRole('button', { name: 'Refresh' }).focus();
  await page.keyboard.press('j');
  await expect(rows().first()).toHaveAttribute('aria-current', 'true');
  const state = page.getByLabel('State', { exact: true });
  await state.focus();
  await state.selectOption('any');
  await expect(page).toHaveURL(/state=any/);
  await settled(page);
  await page.keyboard.press('j');
  await expect(rows().first()).toHaveAttribute('aria-current', 'true');
  await page.getByLabel('Exploited only').check();
  await page.getByLabel('Exploited only').uncheck();
  await settled(page);
  await page.keyboard.press('j');
  await expect(rows().first()).toHaveAttribute('aria-current', 'true');
  await page.keyboard.press('j');
  await expect(rows().nth(1)).toHaveAttribute('aria-current', 'true');
});

test('single keys can be turned off, and stay off', async () => {
  await page.goto(at('/findings?limit=5'));
  await settled(page);
  const used = page.getByRole('checkbox', { name: 'Use these keys' });
  await used.uncheck();
  await page.reload();
  await settled(page);
  await expect(used).not.toBeChecked();
  await used.focus();
  await page.keyboard.press('j');
  await used.check();
  // The first row, and not the second one.
  await page.keyboard.press('j');
  await expect(rows().first()).toHaveAttribute('aria-current', 'true');
});

test('single keys do nothing behind a dialog of something else', async () => {
  await page.goto(at('/hosts?kind=agent'));
  await page.getByRole('table', { name: 'Hosts' }).getByRole('link').first().click();
  await page.getByRole('tab', { name: 'Findings' }).click();
  await settled(page);
  await page.getByRole('button', { name: 'Revoke' }).click();
  const asked = page.getByRole('dialog', { name: 'Revoke' });
  await asked.getByRole('button', { name: 'Cancel' }).focus();
  await page.keyboard.press('j');
  await page.keyboard.press('Escape');
  await expect(asked).toBeHidden();
  await page.keyboard.press('j');
  await expect(rows().first()).toHaveAttribute('aria-current', 'true');
});

test('an end in a year that nobody meant is refused, and is not taken for none', async () => {
  await page.goto(at('/findings?limit=5'));
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('a');
  await accepting().getByLabel('What is said of it').selectOption('not_affected');
  await accepting().getByLabel('Reason').fill('It is not built with what is vulnerable.');
  await accepting().getByLabel('Until').fill('0026-06-15T12:00');
  await expect(accepting().getByLabel('Without an end')).not.toBeChecked();
  await refused(page, 422, () => accepting().getByRole('button', { name: 'Accept' }).click());
  await expect(accepting().getByText('an instant that is over')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(accepting()).toBeHidden();
});

test('what takes the place of an accepted finding is looked at next', async () => {
  await page.goto(at('/findings?limit=10'));
  await settled(page);
  const before = await ids();
  for (let row = 0; row < 3; row += 1) await page.keyboard.press('j');
  await expect(current()).toHaveAttribute('data-row', before[2] ?? '');
  await page.keyboard.press('a');
  await accepting().getByLabel('Reason').fill(REASON);
  await accepting().getByRole('button', { name: 'Accept' }).click();
  await expect(accepting()).toBeHidden();
  await expect(page.locator(`tr[data-row="${before[2] ?? ''}"]`)).toHaveCount(0);
  await settled(page);
  const left = await ids();
  const next = before.slice(3).find((id) => left.includes(id)) ?? '';
  await expect(current()).toHaveAttribute('data-row', next);
  await page.keyboard.press('a');
  await expect(accepting().getByLabel('What it is about')).toContainText(`${cveOf(next)} in`);
  await page.keyboard.press('Escape');
  await expect(accepting()).toBeHidden();
});

test('what is left out already is explained, and not accepted once more', async () => {
  await page.goto(at('/findings?state=suppressed&limit=10'));
  await settled(page);
  await page.keyboard.press('j');
  await expect(rows().first()).toHaveAttribute('aria-current', 'true');
  await expect(page.getByRole('button', { name: 'Accept' })).toBeDisabled();
  await page.keyboard.press('a');
  await page.keyboard.press('e');
  await expect(explained()).toBeVisible();
  await expect(explained().getByRole('button', { name: 'Accept' })).toHaveCount(0);
  await page.keyboard.press('Escape');
  await expect(explained()).toBeHidden();
  const headers = { 'Muster-Csrf': '1', 'Muster-Company': site().company };
  const answer = await page.request.get('/api/v1/exceptions?state=active&limit=1000', { headers });
  const { items } = (await answer.json()) as { items: { id: string; note: string }[] };
  const own = items.filter((one) => one.note === REASON);
  expect(own).toHaveLength(1);
  for (const { id } of own) {
    const done = await page.request.post(`/api/v1/exceptions/${id}/withdraw`, { headers });
    expect(done.ok(), await done.text()).toBe(true);
  }
});

test('several findings are accepted with one reason, and what failed stays to be tried again', async () => {
  const reason = `All of these ${Date.now()}`;
  await page.goto(at('/findings?limit=10'));
  await settled(page);
  const several = () => page.getByRole('button', { name: /^Accept \d+ picked findings?…$/ });
  const dialog = page.getByRole('dialog', { name: 'Accept several findings' });
  await expect(several()).toHaveCount(0);
  const before = await ids();
  // One exception is for one CVE of one software, whichever sources say it: two that are apart are picked.
  const pairOf = (id: string) => id.split('~').slice(0, 2).join('~');
  const first = before[0] ?? '';
  const second = before.find((id) => pairOf(id) !== pairOf(first)) ?? '';
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  await expect(rows().first().getByRole('checkbox')).toBeChecked();
  await page.keyboard.press('x');
  await expect(rows().first().getByRole('checkbox')).not.toBeChecked();
  await page.keyboard.press('x');
  await page.locator(`tr[data-row="${second}"]`).getByRole('checkbox').check();
  await expect(several()).toHaveText('Accept 2 picked findings…');
  await page.keyboard.press('a');
  await expect(dialog.getByRole('listitem')).toHaveCount(2);
  await expect(dialog.getByRole('listitem').filter({ hasText: 'Open findings:' })).toHaveCount(2);
  await dialog.getByRole('button', { name: 'Accept' }).click();
  await expect(dialog.getByText('Say why.')).toBeVisible();
  await dialog.getByLabel('Reason').fill(reason);
  // The second one fails once.
  let asked = 0;
  const keys: string[] = [];
  await page.route('**/api/v1/exceptions', async (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    keys.push(route.request().headers()['idempotency-key'] ?? '');
    asked += 1;
    if (asked !== 2) return route.fallback();
    const body = JSON.stringify({ title: 'Conflict', detail: 'It is not to be had now.' });
    return route.fulfill({ status: 409, contentType: 'application/problem+json', body });
  });
  await refused(page, 409, () => dialog.getByRole('button', { name: 'Accept' }).click());
  await expect(dialog.getByText('It is not to be had now.')).toBeVisible();
  await expect(dialog.getByText('1 exception was not made.')).toBeVisible();
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await expect(dialog).toBeHidden();
  await page.unroute('**/api/v1/exceptions');
  expect(keys).toHaveLength(3);
  expect(keys[2]).toBe(keys[1]);
  expect(keys[0]).not.toBe(keys[1]);
  await expect(page.locator(`tr[data-row="${first}"]`)).toHaveCount(0);
  await expect(page.locator(`tr[data-row="${second}"]`)).toHaveCount(0);
  await expect(several()).toHaveCount(0);
  const headers = { 'Muster-Csrf': '1', 'Muster-Company': site().company };
  const answer = await page.request.get('/api/v1/exceptions?state=active&limit=1000', { headers });
  const { items } = (await answer.json()) as { items: { id: string; note: string }[] };
  const own = items.filter((one) => one.note === reason);
  expect(own).toHaveLength(2);
  for (const { id } of own) {
    const done = await page.request.post(`/api/v1/exceptions/${id}/withdraw`, { headers });
    expect(done.ok(), await done.text()).toBe(true);
  }
});

test('keys go on to the next page, with what is explained beside it', async () => {
  await page.goto(at('/findings?limit=2'));
  await settled(page);
  const [, last = ''] = await ids();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(current()).toHaveAttribute('data-row', last);
  await page.keyboard.press('e');
  await expect(explained()).toBeVisible();
  await page.keyboard.press('j');
  await expect(page).toHaveURL(/page_token=/);
  await expect(page.locator(`tr[data-row="${last}"]`)).toHaveCount(0);
  await expect(rows().first()).toHaveAttribute('aria-current', 'true');
  const [first = ''] = await ids();
  await expect(explained().getByRole('heading', { name: cveOf(first) })).toBeVisible();
  await expect(explained().getByText('1 of 2 on this page')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(explained()).toBeHidden();
});

test('a link to a finding shows it, wherever in the list it is by now', async () => {
  await page.goto(at('/findings?limit=2'));
  await settled(page);
  const [, last = ''] = await ids();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page).toHaveURL(/page_token=/);
  await page.goto(`${page.url()}&panel=explain&row=${encodeURIComponent(last)}`);
  await expect(explained().getByRole('heading', { name: cveOf(last) })).toBeVisible();
  await expect(explained().getByText('Not on this page of the list')).toBeVisible();
  const gone = last.replace(/^[^~]*/, 'CVE-1999-0001');
  await page.goto(at(`/findings?limit=2&panel=explain&row=${encodeURIComponent(gone)}`));
  await expect(explained().getByText('This finding is not there')).toBeVisible();
  await explained().getByRole('button', { name: 'To the list' }).click();
  await expect(explained()).toBeHidden();
  await expect(rows()).toHaveCount(2);
});

test('a link to a change that is not on the page says so', async () => {
  const headers = { 'Muster-Company': site().company };
  const answer = await page.request.get('/api/v1/audit?limit=2', { headers });
  const { items } = (await answer.json()) as { items: { id: string }[] };
  await page.goto(at(`/audit?limit=1&open=${items[1]?.id ?? ''}`));
  const dialog = page.getByRole('dialog', { name: 'A change' });
  await expect(dialog.getByText('This change is not on this page of the log')).toBeVisible();
  await dialog.getByRole('button', { name: 'To the list' }).click();
  await expect(dialog).toBeHidden();
  await expect(page).not.toHaveURL(/open=|limit=/);
});
