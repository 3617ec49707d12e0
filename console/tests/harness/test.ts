import {
  test as base,
  type Browser,
  type BrowserContext,
  expect,
  type Page,
  type Request,
  type Response,
} from '@playwright/test';

import { site } from './site';

export { expect };

/** Why a finding is accepted for a minute: the word by which its exception is found when that is over. */
export const FOR_A_MINUTE = 'Until the window of tonight.';

/** What went wrong on a page beside what a test looks at: it fails for these as well. */
const faults: string[] = [];

/** What a page has asked for and not been answered yet, and when that was another last. */
const underWay = new WeakMap<Page, { requests: Set<Request>; changedAt: number }>();
/** A page that asks for nothing for so long has what it wants. */
const QUIET_MS = 400;

/** A test that fails when a page says an error, breaks a policy or gets an answer that is the server's fault. */
export const test = base.extend<{ clean: undefined }>({
  clean: [
    // The name and the empty pattern are the library's.
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      faults.length = 0;
      await use(undefined);
      expect(faults).toEqual([]);
    },
    { auto: true },
  ],
});

/** A page that is watched, as is every other one of its context. */
export async function open(
  browser: Browser,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext({
    baseURL: site().url,
    viewport: { width: 1280, height: 860 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...options,
  });
  // Also what a test opens by itself, and what a page does.
  context.on('page', watch);
  const page = await context.newPage();
  return { page, context };
}

/** Writes down what goes wrong on a page, and what it asks for. */
function watch(page: Page): void {
  count(page);
  page.on('console', (message) => {
    // What an answer's status says is looked at below: a refusal may be what is wanted.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) faults.push(`${page.url()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`${page.url()}: ${String(error)}`));
  page.on('response', (response) => {
    const wasUnwanted = response.status() >= 500 || [400, 422, 428].includes(response.status());
    if (wasUnwanted) faults.push(`${response.status()} ${response.request().method()} ${response.url()}`);
  });
}

/** Does what the server has to refuse with this status, which is no fault then; gives what it answered. */
export async function refused(page: Page, status: number, act: () => Promise<void>): Promise<Response> {
  const answer = page.waitForResponse((response) => response.status() === status);
  await act();
  const response = await answer;
  const fault = faults.findIndex((one) => one.startsWith(`${status} `) && one.endsWith(response.url()));
  if (fault >= 0) faults.splice(fault, 1);
  return response;
}

/** Counts what a page asks for, but for the stream of events, which never ends. */
function count(page: Page): void {
  const state = { requests: new Set<Request>(), changedAt: Date.now() };
  underWay.set(page, state);
  const isStream = (request: Request) => new URL(request.url()).pathname === '/api/v1/events';
  const change = (request: Request, isBegun: boolean) => {
    if (isStream(request)) return;
    // What a page has asked for is nobody's any more once another is gone to.
    if (isBegun && request.isNavigationRequest()) state.requests.clear();
    if (isBegun) state.requests.add(request);
    else state.requests.delete(request);
    state.changedAt = Date.now();
  };
  page.on('request', (request) => change(request, true));
  page.on('requestfinished', (request) => change(request, false));
  page.on('requestfailed', (request) => change(request, false));
}

/** Signs somebody in, by what the page has for it. */
export async function signIn(page: Page, email = site().email, password = site().password): Promise<void> {
  await page.goto('/sign-in');
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel(/^Password/).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('button', { name: 'Account menu' })).toBeVisible();
}

/** A page of the console in the first company. */
export const at = (path: string): string =>
  `${path}${path.includes('?') ? '&' : '?'}company=${site().company}`;

/** Waits until a page has what it asked for. */
export async function settled(page: Page): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  const state = underWay.get(page);
  const isQuiet = () => state?.requests.size === 0 && Date.now() - state.changedAt > QUIET_MS;
  await expect.poll(isQuiet, { intervals: [100], timeout: 30_000 }).toBe(true);
  await expect(page.locator('.mantine-Skeleton-root')).toHaveCount(0);
}
