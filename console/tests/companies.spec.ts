import type { Page } from '@playwright/test';

import { site } from './harness/site';
import { expect, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

/** The companies that a page asked for. */
function asked(page: Page): Set<string> {
  const all = new Set<string>();
  page.on('request', (request) => {
    const company = request.headers()['muster-company'];
    if (company !== undefined) all.add(company);
  });
  return all;
}

test('two companies are looked at side by side, and signing out empties both', async ({ browser }) => {
  const { page: ours, context } = await open(browser);
  await signIn(ours);
  await settled(ours);
  const others = await context.newPage();
  const [oursAsked, othersAsked] = [asked(ours), asked(others)];
  await ours.goto(`/hosts?company=${site().company}`);
  await others.goto(`/hosts?company=${site().other}`);
  const name =
    (await ours.getByRole('table', { name: 'Hosts' }).getByRole('link').first().textContent()) ?? '';
  expect(name).not.toBe('');
  await expect(others.getByText('No host yet')).toBeVisible();
  for (const place of ['Software', 'Vulnerabilities', 'Findings', 'Overview']) {
    for (const page of [ours, others]) {
      await page
        .getByRole('navigation', { name: 'Pages' })
        .getByRole('link', { name: place, exact: true })
        .click();
      await expect(page.getByRole('heading', { level: 1, name: place })).toBeVisible();
    }
  }
  await expect(ours.getByRole('link', { name: /Open findings [1-9]/ })).toBeVisible();
  await expect(others.getByText('No host reports yet')).toBeVisible();
  expect([...oursAsked]).toEqual([site().company]);
  expect([...othersAsked]).toEqual([site().other]);

  await others.getByRole('button', { name: 'Account menu' }).click();
  await others.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(others.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await expect(ours.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await expect(ours.getByText(name)).toHaveCount(0);
  await context.close();
});

test('whoever signs in next at the same browser finds nothing of who was there before', async ({
  browser,
}) => {
  const { page: operator } = await open(browser);
  await signIn(operator);
  const email = `next.${Date.now()}@example.org`;
  const headers = { 'Muster-Csrf': '1', 'Muster-Company': site().other };
  const data = { email, role: 'viewer' };
  const invited = await operator.request.post('/api/v1/invitations', { headers, data });
  expect(invited.ok(), await invited.text()).toBe(true);
  const { token } = (await invited.json()) as { token: string };
  const password = 'yet another long password';
  const accepted = await operator.request.post('/api/v1/invitations/accept', {
    headers: { 'Muster-Csrf': '1' },
    data: { token, name: 'Next', password },
  });
  expect(accepted.ok(), await accepted.text()).toBe(true);

  await operator.goto(`/hosts?company=${site().company}`);
  await settled(operator);
  const host = operator.getByRole('table', { name: 'Hosts' }).getByRole('link').first();
  const name = (await host.textContent()) ?? '';
  await host.click();
  await expect(operator.getByRole('heading', { level: 1, name })).toBeVisible();
  const address = operator.url();
  await operator.getByRole('button', { name: 'Account menu' }).click();
  await operator.getByRole('menuitem', { name: 'Sign out' }).click();
  await operator.getByLabel('Email address').fill(email);
  await operator.getByLabel(/^Password/).fill(password);
  await operator.getByRole('button', { name: 'Sign in' }).click();
  await expect(operator.getByText('No host reports yet')).toBeVisible();
  await operator.goto(address);
  await expect(operator.getByText('There is nothing here')).toBeVisible();
  await expect(operator.getByText(name)).toHaveCount(0);
  await operator.context().close();
});

test('who is at home in two companies has one of them in the address, and never one in place of another', async ({
  browser,
}) => {
  const { page: operator, context } = await open(browser);
  await signIn(operator);
  const email = `both.${Date.now()}@example.org`;
  const password = 'one long password for both';
  for (const company of [site().company, site().other]) {
    const headers = { 'Muster-Csrf': '1', 'Muster-Company': company };
    const data = { email, role: 'viewer' };
    const invited = await operator.request.post('/api/v1/invitations', { headers, data });
    expect(invited.ok(), await invited.text()).toBe(true);
    const { token } = (await invited.json()) as { token: string };
    const accepted = await operator.request.post('/api/v1/invitations/accept', {
      headers: { 'Muster-Csrf': '1' },
      data: { token, name: 'Both', password },
    });
    expect(accepted.ok(), await accepted.text()).toBe(true);
  }
  await context.close();
  const { page } = await open(browser);
  await signIn(page, email, password);
  await expect(page).toHaveURL(/company=[0-9a-f-]{36}/);
  await page.goto('/hosts');
  await expect(page).toHaveURL(/\/hosts\?company=[0-9a-f-]{36}/);
  await page.goto('/hosts?company=00000000-0000-4000-8000-000000000000');
  await expect(page.getByText('There is nothing here')).toBeVisible();
  await page.getByRole('link', { name: 'Overview' }).click();
  await expect(page.getByRole('combobox', { name: 'Company', exact: true })).toBeVisible();
  await expect(page).toHaveURL(/company=[0-9a-f-]{36}/);
  await page.context().close();
});

test('the numbers of the nodes say of when they are', async ({ browser }) => {
  const { page } = await open(browser);
  await signIn(page);
  // Without the company's own, those of the nodes are all that there is.
  await page.route('**/api/v1/pipeline', (route) =>
    route.fulfill({ status: 404, json: { title: 'not found', status: 404 } }),
  );
  await page.goto(`/pipeline?company=${site().company}`);
  await expect(page.getByRole('heading', { name: 'Nodes' })).toBeVisible();
  await expect(page.getByText(/As of \d\d:\d\d:\d\d/)).toBeVisible();
  const asked = page.waitForRequest((request) => request.url().endsWith('/api/v1/operator/pipeline'));
  await page.getByRole('button', { name: 'Refresh' }).click();
  await asked;
  await page.context().close();
});

test('an operator makes a company, and it begins with how its first host comes', async ({ browser }) => {
  const { page } = await open(browser);
  await signIn(page);
  const name = `Eastwind ${Date.now()}`;
  await page.goto('/companies');
  await page.getByRole('button', { name: 'New company' }).click();
  const form = page.getByRole('dialog', { name: 'New company' });
  await form.getByLabel(/^Name/).fill(name);
  await form.getByRole('button', { name: 'New company' }).click();
  await expect(form).toBeHidden();
  const choice = page.getByRole('combobox', { name: 'Company', exact: true });
  await expect(choice.locator('option', { hasText: name })).toHaveCount(1);
  await page.getByLabel('Name', { exact: true }).fill(name);
  // What was typed to delete it is not there any more for who thinks better of it, and comes back.
  const remove = page.getByRole('row', { name: new RegExp(name) }).getByRole('button', { name: 'Delete' });
  await remove.click();
  const asked = page.getByRole('dialog', { name: 'Delete' });
  await asked.getByLabel(`Type ${name} to confirm`).fill(name);
  await asked.getByRole('button', { name: 'Cancel' }).click();
  await expect(asked).toBeHidden();
  await remove.click();
  await expect(asked.getByLabel(`Type ${name} to confirm`)).toHaveValue('');
  await expect(asked.getByRole('button', { name: 'Delete', exact: true })).toBeDisabled();
  await page.keyboard.press('Escape');
  await expect(asked).toBeHidden();
  await page.getByRole('table', { name: 'Companies' }).getByRole('link', { name }).click();
  await expect(page.getByText('No host reports yet')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Deploy agents' }).click();
  await expect(page.getByRole('button', { name: 'Make the token' })).toBeVisible();
  await page.context().close();
});
