import type { Browser, Page } from '@playwright/test';

import { type Provider, provider } from './harness/provider';
import { site } from './harness/site';
import { expect, open, refused, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

const DOMAIN = 'people.example';
let page: Page;
let theirs: Provider;

test.beforeAll(async ({ browser }) => {
  theirs = await provider();
  ({ page } = await open(browser));
  await signIn(page);
});

test.afterAll(async () => {
  await page.context().close();
  await theirs.close();
});

/** Fills in what the provider has given, for a company and people of a domain. */
async function fill(company: string, domain: string): Promise<void> {
  await page.goto(`/settings?tab=provider&company=${company}`);
  await expect(page.getByRole('region', { name: /sends people back to/ })).toContainText(site().url);
  await page.getByLabel(/^Issuer/).fill(theirs.issuer);
  await page.getByLabel(/^Client ID/).fill(theirs.clientId);
  await page.getByLabel(/^Client secret/).fill(theirs.secret);
  await page.getByLabel(/^Email domains/).fill(domain);
  await page.getByLabel(/^Role of everybody else/).selectOption('viewer');
}

const save = () => page.getByRole('button', { name: 'Save' }).click();

/** Somebody without a session, sent to the provider of whoever has this address. */
async function goesByProvider(browser: Browser, email: string): Promise<Page> {
  const { page: somebody } = await open(browser);
  theirs.is(email);
  await somebody.goto('/sign-in');
  await somebody.getByLabel(/^Company name or work email/).fill(`anybody@${DOMAIN}`);
  await somebody.getByRole('button', { name: 'Continue with your company' }).click();
  return somebody;
}

test('a provider is asked before it is saved, and what was typed stays when it does not answer', async () => {
  await fill(site().company, DOMAIN);
  await page.getByLabel(/^Issuer/).fill('http://localhost:9');
  await refused(page, 422, save);
  await expect(page.getByLabel(/^Issuer/)).toHaveAccessibleDescription(/no answer/);
  await expect(page.getByLabel(/^Client ID/)).toHaveValue(theirs.clientId);
  await page.getByLabel(/^Issuer/).fill(theirs.issuer);
  await save();
  await expect(page.getByText('Saved. The provider answered.')).toBeVisible();
  await expect(page.getByLabel(/^Client secret/)).toHaveValue('');
  await expect(page.getByRole('button', { name: 'Save' })).toBeFocused();
  await page.reload();
  await expect(page.getByLabel(/^Email domains/)).toHaveValue(DOMAIN);
  // It is never told again.
  await expect(page.getByLabel(/^Client secret/)).toHaveValue('');
  expect(await page.content()).not.toContain(theirs.secret);
});

test('somebody of the company signs in by it, sees the company, and is out again', async ({ browser }) => {
  const ann = await goesByProvider(browser, `ann@${DOMAIN}`);
  await expect(ann.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
  await expect(ann).toHaveURL(new RegExp(`^${site().url}`));
  const places = ann.getByRole('navigation', { name: 'Pages' });
  await places.getByRole('link', { name: 'Hosts' }).click();
  await expect(ann.getByRole('table', { name: 'Hosts' }).getByRole('link').first()).toBeVisible();
  await expect(places.getByRole('link', { name: 'Deploy agents' })).toHaveCount(0);
  await page.goto(`/settings?tab=people&company=${site().company}`);
  await expect(page.getByRole('row', { name: new RegExp(`ann@${DOMAIN}`) })).toBeVisible();
  await ann.getByRole('button', { name: 'Account menu' }).click();
  await ann.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(ann.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await ann.context().close();
});

test('whom the provider says more of than it may is told why they are not let in', async ({ browser }) => {
  const stranger = await goesByProvider(browser, 'eve@elsewhere.example');
  await expect(stranger.getByRole('alert')).toContainText('of a domain that is not let in');
  await stranger.goto('/hosts');
  await expect(stranger.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await stranger.context().close();
});

test('a provider that is taken away lets nobody in', async ({ browser }) => {
  await fill(site().other, 'others.example');
  await save();
  await expect(page.getByText('Saved. The provider answered.')).toBeVisible();
  await page.getByRole('button', { name: 'Take the provider away' }).click();
  const asked = page.getByRole('dialog', { name: 'Take the provider away' });
  await asked.getByRole('button', { name: 'Take the provider away' }).click();
  await expect(page.getByText('Nobody signs in by a provider yet')).toBeVisible();
  const { page: somebody } = await open(browser);
  await somebody.goto('/sign-in');
  await somebody.getByLabel(/^Company name or work email/).fill('bob@others.example');
  await somebody.getByRole('button', { name: 'Continue with your company' }).click();
  await expect(somebody.getByRole('alert')).toContainText('No company of this name or domain');
  await settled(somebody);
  await somebody.context().close();
});
