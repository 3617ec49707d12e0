import type { BrowserContext, Page } from '@playwright/test';

import { isSignedWith, type Receiver, receiver } from './harness/receiver';
import { site } from './harness/site';
import { at, expect, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

const NAME = `Ticket system ${Date.now()}`;
interface Listed {
  items: { id: string; name?: string }[];
}

let page: Page;
let context: BrowserContext;
let told: Receiver;
let secret = '';

test.beforeAll(async ({ browser }) => {
  told = await receiver();
  ({ page, context } = await open(browser));
  await signIn(page);
});

test.afterAll(async () => {
  await told.close();
});

const messages = () => page.getByRole('table', { name: 'Messages' }).locator('tbody tr[data-row]');

test('a webhook is made, and its secret is shown once', async () => {
  await page.goto(at('/webhooks'));
  await page.getByRole('button', { name: 'New webhook' }).first().click();
  const form = page.getByRole('dialog', { name: 'New webhook' });
  await form.getByLabel(/^Name/).fill(NAME);
  await form.getByLabel(/^Address/).fill(told.url);
  await form.getByRole('button', { name: 'Save' }).click();
  const once = page.getByRole('dialog', { name: 'The secret is shown once' });
  secret = ((await once.getByRole('region', { name: 'Secret' }).textContent()) ?? '').trim();
  expect(secret).not.toBe('');
  // It is not closed by accident.
  await page.keyboard.press('Escape');
  await expect(once).toBeVisible();
  await once.getByRole('button', { name: 'I have it' }).click();
  await expect(once).toBeHidden();
  await page.getByRole('link', { name: NAME }).click();
  await expect(page.getByRole('heading', { level: 1, name: NAME })).toBeVisible();
  expect(await page.content()).not.toContain(secret);
});

test('a test says what the receiver answers, and goes when it can be taken', async () => {
  test.setTimeout(90_000);
  await expect(page.getByText('No message yet')).toBeVisible();
  await page.getByRole('button', { name: 'Send a test' }).click();
  await expect(messages().first()).toContainText('Waiting');
  await expect(messages().first()).toContainText('503', { timeout: 20_000 });
  await messages().first().getByRole('button').first().click();
  const one = page.getByRole('dialog', { name: 'Message' });
  await expect(one.getByText('closed for the night')).toBeVisible();
  told.answer(200, 'thank you');
  await expect(one.getByText('Taken', { exact: true })).toBeVisible({ timeout: 45_000 });
  await expect(one.getByText('thank you')).toBeVisible();
  await expect(page).toHaveURL(/open=/);
  await page.keyboard.press('Escape');
  await expect(one).toBeHidden();
  expect(told.received.every((message) => isSignedWith(secret, message))).toBe(true);
});

test('a message is sent again, and is the same one', async () => {
  const before = told.received.length;
  await messages().first().getByRole('button', { name: 'Send again' }).click();
  await expect.poll(() => told.received.length, { timeout: 20_000 }).toBe(before + 1);
  expect(told.received.at(-1)?.delivery).toBe(told.received[0]?.delivery);
  await expect(messages()).toHaveCount(1);
  // None of a sort is not none at all.
  await page.getByRole('combobox', { name: 'State', exact: true }).selectOption('dead');
  await expect(page.getByText('No message fits')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(messages()).toHaveCount(1);
});

test('what happened since an instant is told again', async () => {
  const before = told.received.length;
  await page.getByRole('button', { name: 'Tell again since…' }).click();
  const form = page.getByRole('dialog', { name: 'Tell again since…' });
  await form.getByRole('button', { name: 'Send again' }).click();
  await expect(form.getByText('Say since when.')).toBeVisible();
  // As the field has it, in the time zone of the browser.
  const local = new Date(site().since).toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' });
  await form.getByLabel('Since').fill(local.slice(0, 16).replace(' ', 'T'));
  await form.getByRole('button', { name: 'Send again' }).click();
  await expect(form).toBeHidden();
  await expect.poll(() => told.received.length, { timeout: 30_000 }).toBeGreaterThan(before);
  const events = told.received.slice(before).flatMap((message) => message.events);
  expect(events.some((event) => event.kind === 'finding.opened')).toBe(true);
  await page.getByRole('button', { name: 'Refresh' }).last().click();
  await expect(page.getByText(/Finding opened · \d+ events/).first()).toBeVisible();
});

test('who edits what somebody else has changed is told so, and loses nothing', async () => {
  await page.getByRole('button', { name: 'Edit' }).click();
  const form = page.getByRole('dialog', { name: 'Change the webhook' });
  await expect(form.getByLabel(/^Name/)).toHaveValue(NAME);
  const other = await context.newPage();
  await other.goto(page.url());
  const theirs = other.getByRole('dialog', { name: 'Change the webhook' });
  await theirs.getByLabel('Policy holds').check();
  await theirs.getByRole('button', { name: 'Save' }).click();
  await expect(theirs).toBeHidden();
  await other.close();
  await form.getByLabel(/^Name/).fill('Mine');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form.getByRole('alert')).toBeVisible();
  await expect(form.getByLabel(/^Name/)).toHaveValue('Mine');
  await page.keyboard.press('Escape');
  await page.reload();
  await expect(page.getByText(/Policy holds/)).toBeVisible();
});

test('another secret signs, and the one before as well for a day', async () => {
  await page.getByRole('button', { name: 'New secret' }).click();
  await page.getByRole('dialog', { name: 'New secret' }).getByRole('button', { name: 'New secret' }).click();
  const once = page.getByRole('dialog', { name: 'The secret is shown once' });
  const next = ((await once.getByRole('region', { name: 'Secret' }).textContent()) ?? '').trim();
  expect(next).not.toBe(secret);
  await once.getByRole('button', { name: 'I have it' }).click();
  const before = told.received.length;
  await page.getByRole('button', { name: 'Send a test' }).click();
  await expect.poll(() => told.received.length, { timeout: 20_000 }).toBeGreaterThan(before);
  const message = told.received.at(-1);
  expect(message && isSignedWith(secret, message) && isSignedWith(next, message)).toBe(true);
});

test('a message that was given up says whose it is, and leads to what became of it', async () => {
  await page.goto(at('/webhooks?tab=dead'));
  await expect(page.getByText('No message was given up')).toBeVisible();
  // It takes a day until one is: this one is said to be.
  const headers = { 'Muster-Company': site().company };
  const webhooks = (await (await page.request.get('/api/v1/webhooks', { headers })).json()) as Listed;
  const webhook = webhooks.items.find((one) => one.name === NAME)?.id ?? '';
  const path = `/api/v1/webhooks/${webhook}/deliveries`;
  const all = (await (await page.request.get(path, { headers })).json()) as Listed;
  const [one] = all.items.slice(-1);
  const dead = { ...one, state: 'dead', status: null, error: 'the receiver closed the connection' };
  const answer = { items: [dead], total: { count: 1, type: 'EXACT' } };
  await page.route('**/api/v1/webhooks/dead-letters*', (route) => route.fulfill({ json: answer }));
  await page.reload();
  const row = page.getByRole('table', { name: 'Given up' }).locator('tbody tr[data-row]');
  await expect(row).toContainText('the receiver closed the connection');
  await expect(row.getByRole('link', { name: NAME })).toBeVisible();
  await row.getByRole('button').first().click();
  await expect(page.getByRole('dialog', { name: 'Message' }).getByText(one?.id ?? '')).toBeVisible();
  await page.unroute('**/api/v1/webhooks/dead-letters*');
});

test('a webhook that is deleted is gone', async () => {
  await page.goto(at('/webhooks?edit=new'));
  const form = page.getByRole('dialog', { name: 'New webhook' });
  const name = `Short-lived ${Date.now()}`;
  await form.getByLabel(/^Name/).fill(name);
  await form.getByLabel(/^Address/).fill(told.url);
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('link', { name }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog', { name: 'Delete' }).getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Webhooks and events' })).toBeVisible();
  await settled(page);
  await expect(page.getByRole('link', { name: NAME })).toBeVisible();
  await expect(page.getByRole('link', { name })).toHaveCount(0);
});
