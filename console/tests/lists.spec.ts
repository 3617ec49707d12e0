import type { Page } from '@playwright/test';

import { site } from './harness/site';
import { at, expect, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

const LABEL = `Picked ${Date.now()}`;
let page: Page;

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser));
  await signIn(page);
});

test.afterAll(() => page.context().close());

const table = () => page.getByRole('table', { name: 'Hosts' });
const rows = () => table().locator('tbody tr[data-row]');

test('which columns are shown stands in the address', async () => {
  await page.goto(at('/hosts'));
  await settled(page);
  await expect(table().getByRole('columnheader', { name: 'Operating system' })).toBeVisible();
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Operating system' }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Agent' }).click();
  await page.keyboard.press('Escape');
  await expect(page).toHaveURL(/hide=os(%2C|,)agent/);
  const address = page.url();
  await page.goto('about:blank');
  await page.goto(address);
  await expect(table().getByRole('columnheader', { name: 'Software' })).toBeVisible();
  await expect(table().getByRole('columnheader', { name: 'Operating system' })).toHaveCount(0);
  // A filter changes the rows and not the columns.
  await page.getByLabel('Kind').selectOption('agent');
  await expect(page).toHaveURL(/kind=agent/);
  await expect(page).toHaveURL(/hide=os/);
  // They stay so for who comes back by another way, until they are shown again.
  const places = page.getByRole('navigation', { name: 'Pages' });
  await places.getByRole('link', { name: 'Software', exact: true }).click();
  await places.getByRole('link', { name: 'Hosts', exact: true }).click();
  await expect(table().getByRole('columnheader', { name: 'Software' })).toBeVisible();
  await expect(table().getByRole('columnheader', { name: 'Operating system' })).toHaveCount(0);
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Operating system' }).click();
  await page.getByRole('menuitemcheckbox', { name: 'Agent' }).click();
  await page.keyboard.press('Escape');
  await expect(table().getByRole('columnheader', { name: 'Operating system' })).toBeVisible();
  await expect(page).not.toHaveURL(/hide=/);
});

test('hosts stand in the order of their findings, whatever these are', async () => {
  await page.goto(at('/hosts'));
  for (const [name, sort] of [
    ['Open findings', 'findings'],
    ['Critical', 'critical'],
    ['Exploited', 'kev'],
  ] as const) {
    await table().getByRole('columnheader', { name }).getByRole('button').click();
    await expect(page).toHaveURL(new RegExp(`sort=${sort}`));
    await settled(page);
    const answer = await page.request.get(`/api/v1/hosts?sort=${sort}`, {
      headers: { 'Muster-Company': site().company },
    });
    const { items } = (await answer.json()) as { items: { id: string }[] };
    expect(items.length).toBeGreaterThan(1);
    await expect(rows().first()).toHaveAttribute('data-row', items[0]?.id ?? '');
  }
});

test('hosts that are picked are given a label, and those of a filter lose it', async () => {
  const headers = { 'Muster-Csrf': '1', 'Muster-Company': site().company };
  const made = await page.request.post('/api/v1/labels', { headers, data: { name: LABEL } });
  expect(made.ok(), await made.text()).toBe(true);
  const { id } = (await made.json()) as { id: string };
  await page.goto(at('/hosts'));
  await settled(page);
  expect(await rows().count()).toBeGreaterThan(1);
  const picked = (await rows().nth(1).getAttribute('data-row')) ?? '';
  const name = (await rows().nth(1).getByRole('link').first().textContent()) ?? '';
  await rows()
    .nth(1)
    .getByRole('checkbox', { name: `Select ${name}`, exact: true })
    .check();
  await page.getByRole('button', { name: 'Label 1 host' }).click();
  await page.getByRole('menuitem', { name: LABEL }).first().click();
  await expect(page.getByRole('alert').filter({ hasText: /1 host/ })).toBeVisible();
  await page.getByLabel('Label', { exact: true }).selectOption({ label: LABEL });
  await expect(rows()).toHaveCount(1);
  await expect(rows()).toHaveAttribute('data-row', picked);
  await expect(page).toHaveURL(new RegExp(`label=${id}`));
  await page.getByRole('button', { name: 'Label all of these' }).click();
  await page.getByRole('menuitem', { name: LABEL }).last().click();
  const asked = page.getByRole('dialog', { name: 'Label all of these' });
  await expect(asked).toContainText(`${LABEL} is taken from all hosts of this filter, on all its pages: 1.`);
  await asked.getByRole('button', { name: 'Take away' }).click();
  await expect(page.getByText('No host fits')).toBeVisible();
});

test('what is picked is picked of the list that is seen, and of no other', async () => {
  const picked = page.getByRole('button', { name: 'Label 1 host' });
  await page.goto(at('/hosts?kind=agent'));
  await settled(page);
  await expect(page.getByRole('button', { name: 'Label all of these' })).toBeDisabled();
  await expect(page.getByText('With these filters hosts are labelled row by row')).toBeVisible();
  await rows().first().getByRole('checkbox').check();
  await expect(picked).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(page).not.toHaveURL(/kind=agent/);
  await expect(picked).toHaveCount(0);
  await rows().first().getByRole('checkbox').check();
  await expect(picked).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL(/kind=agent/);
  await expect(picked).toHaveCount(0);
});

test('the way back of a list is its page before, and no row', async () => {
  await page.goto(at('/findings?limit=2'));
  await settled(page);
  const findings = page.getByRole('table', { name: 'Findings' }).locator('tbody tr[data-row]');
  const pager = page.getByRole('navigation', { name: 'Pages of the list' });
  const back = pager.getByRole('button', { name: 'Back' });
  const first = (await findings.first().getAttribute('data-row')) ?? '';
  await expect(back).toBeDisabled();
  await pager.getByRole('button', { name: 'Next' }).click();
  await expect(page).toHaveURL(/page_token=/);
  await expect(findings.first()).not.toHaveAttribute('data-row', first);
  const second = (await findings.first().getAttribute('data-row')) ?? '';
  const address = page.url();
  await pager.getByRole('button', { name: 'Next' }).click();
  await expect(findings.first()).not.toHaveAttribute('data-row', second);
  for (const key of ['j', 'k', 'j']) await page.keyboard.press(key);
  await expect(page).toHaveURL(/row=/);
  await back.click();
  await expect(findings.first()).toHaveAttribute('data-row', second);
  await page.keyboard.press('j');
  await expect(page).toHaveURL(/row=/);
  await back.click();
  await expect(findings.first()).toHaveAttribute('data-row', first);
  await expect(page).not.toHaveURL(/page_token=|row=/);
  // Who opens the second page by a link can leave it.
  await page.goto('about:blank');
  await page.goto(address);
  await expect(findings.first()).toHaveAttribute('data-row', second);
  await back.click();
  await expect(findings.first()).toHaveAttribute('data-row', first);
});

test('rows and letters are no steps of the way back to the page before', async () => {
  await page.goto(at('/labels'));
  await settled(page);
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Findings' }).click();
  await settled(page);
  for (let row = 0; row < 5; row += 1) await page.keyboard.press('j');
  await expect(page).toHaveURL(/row=/);
  await page.getByLabel('CVE', { exact: true }).fill('CVE-1999-0001');
  await expect(page).toHaveURL(/cve=CVE-1999-0001/);
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1, name: 'Labels' })).toBeVisible();
});

test('the way back from a list of which a finding was explained is the page before it', async () => {
  const findings = page.getByRole('table', { name: 'Findings' }).locator('tbody tr[data-row]');
  const explained = page.getByRole('dialog', { name: 'Why this finding is said' });
  await page.goto(at('/labels'));
  await settled(page);
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Findings' }).click();
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('e');
  await expect(explained).toBeVisible();
  await page.keyboard.press('j');
  await expect(findings.nth(1)).toHaveAttribute('aria-current', 'true');
  await page.keyboard.press('Escape');
  await expect(explained).toBeHidden();
  await expect(page).not.toHaveURL(/panel=/);
  // The one that was gone on to is looked at still.
  await expect(findings.nth(1)).toHaveAttribute('aria-current', 'true');
  await page.goBack();
  await expect(page.getByRole('heading', { level: 1, name: 'Labels' })).toBeVisible();
});

test('what little of a moment is of the chosen kind is shown at once', async () => {
  const change = (kind: string, number: number) => ({
    kind,
    software: `00000000-0000-4000-8000-0000000000${number + 10}`,
    name: `tool-${number}`,
    source: 'deb',
    to: '1.0',
  });
  const all = [
    ...Array.from({ length: 14 }, (_, number) => change('installed', number)),
    change('removed', 14),
  ];
  const timeline = /\/api\/v1\/hosts\/[^/]+\/timeline/;
  await page.route(timeline, (route) => {
    const kind = new URL(route.request().url()).searchParams.get('kind');
    const changes = all.filter((one) => kind === null || one.kind === kind);
    const installed = changes.filter((one) => one.kind === 'installed').length;
    const moment = {
      began_at: '2026-03-01T12:00:00Z',
      at: '2026-03-01T12:00:00Z',
      is_first: false,
      installed,
      removed: changes.length - installed,
      upgraded: 0,
      findings_opened: 0,
      findings_resolved: 0,
      changes,
    };
    return route.fulfill({ json: { items: [moment], total: { count: 1, type: 'EXACT' } } });
  });
  await page.goto(at('/hosts?kind=agent'));
  await table().getByRole('link').first().click();
  await page.getByRole('tab', { name: 'History' }).click();
  const history = page.getByRole('region', { name: 'History' });
  await expect(history.getByRole('button', { name: 'Show what' })).toBeVisible();
  await history.getByLabel('What', { exact: true }).selectOption('removed');
  await expect(history.getByRole('link', { name: 'tool-14' })).toBeVisible();
  await expect(history.getByRole('button', { name: 'Show what' })).toHaveCount(0);
  await page.unroute(timeline);
});

test('when exactly something was is said to who goes there by the keyboard', async () => {
  await page.goto(at('/hosts'));
  await settled(page);
  await table().locator('time').first().focus();
  await expect(page.getByRole('tooltip')).toContainText(/\d\d:\d\d:\d\d/);
});

test('a token that is not there is asked for once', async ({ browser }) => {
  const { page: later, context } = await open(browser);
  await signIn(later);
  await later.clock.install();
  const asked: string[] = [];
  later.on('request', (request) => {
    if (request.url().includes('/enrolment-tokens/')) asked.push(request.url());
  });
  await later.goto(at('/deploy?token=00000000-0000-4000-8000-000000000000'));
  await expect(later.getByText('There is nothing here')).toBeVisible();
  await later.clock.runFor(10_000);
  await settled(later);
  expect(asked).toHaveLength(1);
  await context.close();
});

test('a page of what is not there leads to what is', async () => {
  await page.goto(at('/hosts/00000000-0000-4000-8000-000000000000'));
  await expect(page.getByText('There is nothing here')).toBeVisible();
  await page.getByRole('main').getByRole('link', { name: 'Hosts' }).click();
  await expect(rows().first()).toBeVisible();
});
