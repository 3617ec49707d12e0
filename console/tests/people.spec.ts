import { createHmac } from 'node:crypto';

import type { Browser, Page } from '@playwright/test';

import { line } from './harness/line';
import { site } from './harness/site';
import { expect, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

const PASSWORD = 'another long enough password';
let operator: Page;

/** What an authenticator shows (RFC 6238): the secret in base 32, six digits, half a minute. */
function codeOf(secret: string, at = Date.now()): string {
  const bits = [...secret.replace(/=+$/, '')]
    .map((one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0'))
    .join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 15;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Invites somebody to a company, and accepts as them. */
async function invited(
  browser: Browser,
  company: string,
  role: string,
): Promise<{ page: Page; email: string }> {
  const email = `${role}.${Date.now()}@example.org`;
  await operator.goto(`/settings?tab=people&company=${company}`);
  const form = operator.getByRole('region', { name: 'Invite' });
  await form.getByLabel(/^Email address/).fill(email);
  await form.getByLabel('Role').selectOption(role);
  await form.getByRole('button', { name: 'Invite' }).click();
  const link = await operator.getByRole('region', { name: 'Send this link' }).textContent();
  const { page } = await open(browser);
  await page.goto(link ?? '');
  await page.getByLabel('Your name').fill('A. Person');
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole('button', { name: 'Accept' }).click();
  await expect(page.getByRole('heading', { name: 'Accepted' })).toBeVisible();
  await signIn(page, email, PASSWORD);
  return { page, email };
}

test.beforeAll(async ({ browser }) => {
  ({ page: operator } = await open(browser));
  await signIn(operator);
});

test('who is invited to look may look, and is shown nothing else', async ({ browser }) => {
  const { page } = await invited(browser, site().company, 'viewer');
  const pages = page.getByRole('navigation', { name: 'Pages' });
  await expect(pages.getByRole('link', { name: 'Findings' })).toBeVisible();
  for (const name of ['Deploy agents', 'Audit log', 'Companies', 'Operators', 'Dead letters']) {
    await expect(pages.getByRole('link', { name })).toHaveCount(0);
  }
  await page.goto('/findings');
  await settled(page);
  await expect(page.getByRole('button', { name: 'Explain' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Accept' })).toHaveCount(0);
  await page.goto('/deploy');
  await expect(page.getByText('You may not see this')).toBeVisible();
  await page.goto('/audit');
  await expect(page.getByText('You may not see this')).toBeVisible();
  // A tab that is not theirs is refused, and no other one is shown in its place.
  await page.goto('/settings?tab=people');
  await expect(page.getByText('You may not see this')).toBeVisible();
  await expect(page.getByRole('tabpanel')).toHaveCount(0);
  await page.goto('/settings');
  await expect(page.getByRole('tab', { selected: true })).toHaveText('Agents');
  await page.goto('/webhooks');
  await expect(page.getByText('Nothing has happened so far')).toBeVisible();
  await expect(page.getByRole('button', { name: 'New webhook' })).toHaveCount(0);
  await page.goto('/webhooks?tab=dead');
  await expect(page.getByText('You may not see this')).toBeVisible();
  await page.goto('/hosts');
  await expect(page.getByRole('table', { name: 'Hosts' }).getByRole('link').first()).toBeVisible();
});

test('two companies see nothing of each other', async ({ browser }) => {
  const { page } = await invited(browser, site().other, 'admin');
  await page.goto('/hosts');
  await expect(page.getByText('No host yet')).toBeVisible();
  await operator.goto(`/hosts?company=${site().company}`);
  const theirs = operator.getByRole('table', { name: 'Hosts' }).getByRole('link').first();
  const [name, address] = [await theirs.textContent(), await theirs.getAttribute('href')];
  // Their address, and their company in it.
  await page.goto(address ?? '');
  await expect(page.getByText('There is nothing here')).toBeVisible();
  await page.goto(`/hosts?company=${site().company}`);
  // Nothing of their own in place of it: a link would say what is not so.
  await expect(page.getByText('There is nothing here')).toBeVisible();
  await expect(page.getByText('No host yet')).toHaveCount(0);
  await page.getByRole('link', { name: 'Overview' }).click();
  await expect(page.getByText('No host reports yet')).toBeVisible();
  // Its script comes after that of the page.
  await expect(page.getByRole('button', { name: 'Search hosts, software and CVEs' })).toBeVisible();
  await page.keyboard.press('Control+k');
  await page.getByPlaceholder('A host, software, a CVE or a page').fill(name ?? '');
  await expect(page.getByText('Nothing has this in its name.')).toBeVisible();
});

test('a second factor is set up, and asked for from then on', async ({ browser }) => {
  const { page, email } = await invited(browser, site().company, 'analyst');
  await page.goto('/account');
  const part = page.getByRole('region', { name: 'Second factor' }).first();
  await expect(part.getByText('There is none')).toBeVisible();
  await expect(part.getByRole('button', { name: 'Take away' })).toHaveCount(0);
  await part.getByLabel(/^Present password/).fill(PASSWORD);
  await part.getByRole('button', { name: 'Set up' }).click();
  await expect(part.getByRole('img', { name: /as a QR code/ })).toBeVisible();
  const secret = (await part.getByRole('region', { name: 'Secret' }).textContent()) ?? '';
  await part.getByLabel(/^Code/).fill(codeOf(secret));
  await part.getByRole('button', { name: 'Confirm' }).click();
  // What was pressed is gone.
  await expect(part.getByRole('heading', { name: 'Second factor' })).toBeFocused();
  const recovery = (await part.getByRole('region', { name: 'Recovery codes' }).textContent()) ?? '';
  const [first] = recovery.trim().split('\n');
  await expect(part.getByText(/recovery codes are left/)).toBeVisible();
  await expect(part.getByRole('button', { name: 'Set up' })).toHaveCount(0);
  await expect(part.getByRole('button', { name: 'Take away' })).toBeVisible();
  await page.getByRole('button', { name: 'Account menu' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel(/^Password/).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel(/^Code of the second factor/).fill(first ?? '');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
});

test('digests are begun, changed and ended, and the keyboard stays with them', async ({ browser }) => {
  const { page } = await invited(browser, site().company, 'viewer');
  await page.goto('/account');
  const part = page.getByRole('region', { name: 'Digest by mail' });
  const begin = part.getByRole('button', { name: 'Send me digests' });
  await begin.press('Enter');
  const save = part.getByRole('button', { name: 'Save' });
  await expect(save).toBeFocused();
  await part.getByLabel(/^At/).fill('08:30');
  const saved = page.waitForResponse((response) => response.request().method() === 'PUT');
  await save.press('Enter');
  expect((await saved).status()).toBe(200);
  await settled(page);
  await expect(save).toBeFocused();
  await page.reload();
  await expect(part.getByLabel(/^At/)).toHaveValue('08:30');
  await part.getByRole('button', { name: 'End', exact: true }).click();
  await page.getByRole('dialog', { name: 'End' }).getByRole('button', { name: 'End', exact: true }).click();
  await expect(begin).toBeFocused();
  await expect(part.getByLabel(/^At/)).toHaveValue('07:00');
  await page.context().close();
});

test('who cannot be signed out is told so, in every tab, and is signed out when they try again', async ({
  browser,
}) => {
  const way = await line(site().url);
  const { page, context } = await open(browser, { baseURL: way.url });
  await signIn(page);
  const other = await context.newPage();
  for (const one of [page, other]) {
    await one.goto(`/hosts?company=${site().company}`);
    await expect(one.getByRole('table', { name: 'Hosts' })).toBeVisible();
  }
  way.cut();
  await page.getByRole('button', { name: 'Account menu' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  for (const one of [page, other]) {
    await expect(one.getByRole('heading', { name: 'You are still signed in here' })).toBeVisible();
    await expect(one.getByRole('table')).toHaveCount(0);
  }
  // What had the focus is gone with the page.
  await expect(page.getByRole('heading', { name: 'You are still signed in here' })).toBeFocused();
  const again = page.getByRole('button', { name: 'Try again' });
  await again.press('Enter');
  await expect(page.getByText('The collector still does not answer.')).toBeVisible();
  await expect(again).toBeFocused();
  way.mend();
  await again.click();
  for (const one of [page, other]) {
    await expect(one.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  }
  await page.goto('/hosts');
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await context.close();
  await way.close();
});

test('what was done stands in the audit log', async () => {
  await operator.goto(`/audit?action=invitation&company=${site().company}`);
  await operator.getByRole('table', { name: 'Audit log' }).getByRole('button').first().click();
  await expect(operator.getByRole('region', { name: 'What it is' })).toBeVisible();
});

test('an exception of somebody else is approved', async ({ browser }) => {
  const { page, email } = await invited(browser, site().company, 'admin');
  await page.goto('/settings?tab=exceptions');
  await page.getByRole('switch').click();
  await expect(page.getByText('Saved.')).toBeVisible();
  await operator.goto(`/findings?company=${site().company}`);
  await settled(operator);
  await operator.keyboard.press('j');
  await operator.keyboard.press('a');
  const panel = operator.getByRole('dialog', { name: 'Accept a finding' });
  await panel.getByLabel('Reason').fill('Somebody else looks at it.');
  await panel.getByRole('button', { name: 'Ask for it' }).click();
  await expect(panel).toBeHidden();
  await page.goto('/exceptions?state=requested');
  await page.getByRole('table', { name: 'Exceptions' }).getByRole('button').first().click();
  const detail = page.getByRole('dialog', { name: 'Exception' });
  await detail.getByRole('button', { name: 'Approve' }).click();
  await expect(detail.getByText('Holds')).toBeVisible();
  // Who asked is an operator, and who decided is of the company.
  await expect(detail.getByText(/^Operator or former member [0-9a-f]{8}$/)).toBeVisible();
  await expect(detail.getByText(email)).toBeVisible();
  await page.goto('/settings?tab=exceptions');
  await page.getByRole('switch').click();
  await expect(page.getByText('Saved.')).toBeVisible();
});

test('an API key is made, shown once and revoked', async () => {
  await operator.goto(`/settings?tab=keys&company=${site().company}`);
  const name = `export ${Date.now()}`;
  await operator.getByLabel(/^What it is for/).fill(name);
  await operator.getByRole('group', { name: 'May do' }).getByText('inventory:read', { exact: true }).click();
  await operator.getByRole('button', { name: 'New key' }).click();
  const key = (await operator.getByRole('region', { name }).textContent()) ?? '';
  const headers = { Authorization: `Bearer ${key.trim()}` };
  expect((await fetch(`${site().url}/api/v1/hosts`, { headers })).status).toBe(200);
  await operator
    .getByRole('row', { name: new RegExp(name) })
    .getByRole('button', { name: 'Revoke' })
    .click();
  await operator.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await expect(operator.getByText('The key is refused from now on.')).toBeVisible();
  expect((await fetch(`${site().url}/api/v1/hosts`, { headers })).status).toBe(401);
});
