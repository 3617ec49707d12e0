import type { Page, Request } from '@playwright/test';

import { line } from './harness/line';
import { site } from './harness/site';
import { at, expect, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

const isStream = (request: Request) => new URL(request.url()).pathname === '/api/v1/events';
let page: Page;
/** Somebody else, who changes things. */
let other: Page;
let cve = '';
let exception = '';

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser));
  ({ page: other } = await open(browser));
  await signIn(page);
  await signIn(other);
});

test.afterAll(async () => {
  await page.context().close();
  await other.context().close();
});

/** Changes something as somebody else, without a page. */
async function post(path: string, data: object = {}): Promise<Record<string, string>> {
  const headers = { 'Muster-Csrf': '1', 'Muster-Company': site().company };
  const answer = await other.request.post(path, { headers, data });
  expect(answer.ok(), await answer.text()).toBe(true);
  return (await answer.json()) as Record<string, string>;
}

/** Leaves the findings of a CVE out, as somebody else. */
async function accept(): Promise<void> {
  const expires_at = new Date(Date.now() + 86_400_000).toISOString();
  const body = { rule: { cve }, status: 'affected', note: 'Looked at.', suppress: true, expires_at };
  ({ id: exception = '' } = await post('/api/v1/exceptions', body));
}

const rows = () => page.getByRole('table', { name: 'Findings' }).locator('tbody tr[data-row]');
const news = () => page.locator('.news');

test('what somebody else does is said, and no row moves until it is asked for', async () => {
  await page.goto(at('/findings'));
  await settled(page);
  await expect(page.getByText('What happens is heard at once')).toBeAttached();
  cve = (await rows().first().getByRole('link').first().textContent()) ?? '';
  const before = await rows().allTextContents();
  const top = await rows().nth(1).boundingBox();
  await accept();
  await expect(news()).toContainText(/\d left out since this was read/);
  expect(await rows().allTextContents()).toEqual(before);
  expect(await rows().nth(1).boundingBox()).toEqual(top);
  await news().getByRole('button', { name: 'Show' }).click();
  await expect(page.getByRole('link', { name: cve, exact: true })).toHaveCount(0);
  await expect(news()).toBeEmpty();
});

test('what happens is listed as it happens, with what it happened to', async () => {
  // Not by its address: the stream goes on from page to page.
  await page.getByRole('link', { name: 'Webhooks and events' }).click();
  await page.getByRole('radiogroup').getByText('As it happens').click();
  const events = page.getByRole('table', { name: 'As it happens' }).locator('tbody tr');
  await expect(events.first()).toContainText('Finding left out');
  await post(`/api/v1/exceptions/${exception}/withdraw`);
  await expect(events.first()).toContainText('Finding open again');
  await expect(events.first().getByRole('link').first()).toHaveText(/^CVE-/);
});

test('the lists of the overview stay as they are until somebody asks for them', async () => {
  await page
    .getByRole('navigation', { name: 'Pages' })
    .getByRole('link', { name: 'Overview', exact: true })
    .click();
  await settled(page);
  await accept();
  await expect(news()).toContainText(/\d left out since this was read/);
  const asked = page.waitForRequest(/\/api\/v1\/cves\?/);
  await news().getByRole('button', { name: 'Show' }).click();
  await asked;
  await expect(news()).toBeEmpty();
  await post(`/api/v1/exceptions/${exception}/withdraw`);
  await expect(news()).toContainText('since this was read');
});

test('a cut connection is taken up again where it was', async ({ browser }) => {
  const way = await line(site().url);
  const { page: far, context } = await open(browser, { baseURL: way.url });
  await signIn(far);
  const stands = (how: string) => expect(far.getByText(how).first()).toBeVisible({ timeout: 30_000 });
  await far.goto(at('/webhooks?tab=events'));
  await stands('What happens is heard at once');
  const events = far.getByRole('table', { name: 'As it happens' }).locator('tbody tr');
  await accept();
  await expect(events.first()).toBeVisible();
  const before = await events.count();
  way.cut();
  await stands('The connection is away and is tried again');
  await post(`/api/v1/exceptions/${exception}/withdraw`);
  const asked = far.waitForRequest(isStream);
  way.mend();
  expect((await asked).headers()['last-event-id']).toMatch(/^\d+-\d+$/);
  await stands('What happens is heard at once');
  // What happened while it was away is told, and nothing twice.
  await expect(events).toHaveCount(before * 2);
  await context.close();
  await way.close();
});

test('who signs in in a second tab inherits nothing of what the first has heard', async ({ browser }) => {
  test.setTimeout(120_000);
  const email = `second.${Date.now()}@example.org`;
  const password = 'a password of somebody else';
  const { token } = await post('/api/v1/invitations', { email, role: 'viewer' });
  const accepted = await other.request.post('/api/v1/invitations/accept', {
    headers: { 'Muster-Csrf': '1' },
    data: { token, name: 'Second', password },
  });
  expect(accepted.ok(), await accepted.text()).toBe(true);
  const { page: first, context } = await open(browser);
  await signIn(first);
  await first.goto(at('/webhooks?tab=events'));
  await expect(first.getByText('What happens is heard at once').first()).toBeVisible();
  await accept();
  const events = first.getByRole('table', { name: 'As it happens' }).locator('tbody tr');
  await expect(events.first()).toBeVisible();
  const second = await context.newPage();
  await signIn(second, email, password);
  // Who is signed in is asked once a minute, and by whoever comes back to a tab after a while.
  const account = first.getByRole('button', { name: 'Account menu' });
  await expect(async () => {
    await first.evaluate(() => window.dispatchEvent(new Event('visibilitychange')));
    await expect(account).toContainText(email, { timeout: 1_000 });
  }).toPass({ timeout: 90_000 });
  await expect(first.getByText('Nothing has happened so far')).toBeVisible();
  await post(`/api/v1/exceptions/${exception}/withdraw`);
  await context.close();
});

test('another company is another stream, and the one before ends', async () => {
  const ended = page.waitForEvent('requestfailed', isStream);
  const begun = page.waitForRequest(isStream);
  await page.goto(`/hosts?company=${site().company}`);
  await ended;
  expect((await begun).headers()['muster-company']).toBe(site().company);
  const next = page.waitForRequest(isStream);
  const over = page.waitForEvent('requestfailed', isStream);
  await page.getByRole('combobox', { name: 'Company' }).selectOption(site().other);
  expect((await next).headers()['muster-company']).toBe(site().other);
  await over;
  await page.goto(`/webhooks?tab=events&company=${site().other}`);
  await expect(page.getByText('Nothing has happened so far')).toBeVisible();
  await expect(page.getByText('What happens is heard at once').first()).toBeVisible();
});

test('signing out ends the stream', async () => {
  const ended = page.waitForEvent('requestfailed', isStream);
  await page.getByRole('button', { name: 'Account menu' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await ended;
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
});
