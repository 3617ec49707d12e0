import { readFileSync } from 'node:fs';

import type { Locator, Page } from '@playwright/test';

import { PATCHED } from './harness/history';
import { site } from './harness/site';
import { at, expect, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

let page: Page;
const name = `Findings ${Date.now()}`;

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser));
  await signIn(page);
});

test('a report is asked for, made and saved', async () => {
  await page.goto(at('/reports'));
  await page.getByRole('button', { name: 'New report' }).click();
  const form = page.getByRole('dialog', { name: 'New report' });
  await form.getByLabel(/^Name/).fill(name);
  await form.getByLabel('Format').selectOption('json');
  await form.getByRole('button', { name: 'Make the report' }).click();
  await expect(form).toBeHidden();
  const row = page.getByRole('row', { name: new RegExp(name) });
  const download = row.getByRole('button', { name: `Download ${name}` });
  await expect(download).toBeVisible({ timeout: 30_000 });
  const saving = page.waitForEvent('download');
  await download.click();
  const saved = JSON.parse(readFileSync(await (await saving).path(), 'utf8')) as {
    report: { name: string };
    findings: unknown[];
    total: number;
  };
  expect(saved.report.name).toBe(name);
  expect(saved.findings).toHaveLength(saved.total);
  await row.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('dialog', { name: 'Delete' }).getByRole('button', { name: 'Delete' }).click();
  await expect(row).toHaveCount(0);
});

test('a schedule says when it is next, and can be turned off', async () => {
  await page.goto(at('/reports?tab=schedules'));
  await page.getByRole('button', { name: 'New schedule' }).click();
  const form = page.getByRole('dialog', { name: 'New schedule' });
  await form.getByLabel(/^Name/).fill(name);
  await form.getByLabel('What it tells').selectOption('summary');
  await form.getByLabel('When').selectOption('monday');
  await form.getByLabel('Time zone').selectOption('UTC');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form).toBeHidden();
  const row = page.getByRole('row', { name: new RegExp(name) });
  await expect(row).toContainText('Mondays, 07:00 (UTC)');
  await row.getByRole('button', { name: `Edit ${name}` }).click();
  const change = page.getByRole('dialog', { name: 'Change the schedule' });
  await change.getByLabel('Its reports are made').uncheck();
  await change.getByRole('button', { name: 'Save' }).click();
  await expect(change).toBeHidden();
  await expect(row).toContainText('off');
  // Its reports are a list that says so, and leads back to all of them.
  await row.getByRole('link', { name }).click();
  await expect(page).toHaveURL(/schedule=/);
  const filter = page.getByRole('combobox', { name: 'Schedule', exact: true });
  await expect(filter.locator('option:checked')).toHaveText(name);
  await expect(page.getByText('No report fits')).toBeVisible();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect(page).not.toHaveURL(/schedule=/);
  await expect(page.getByText('No report fits')).toHaveCount(0);
});

test('a report of what an address says is made, and stays in the list', async () => {
  await page.goto(at('/reports?edit=new'));
  const form = page.getByRole('dialog', { name: 'New report' });
  await form.getByLabel(/^Name/).fill(`${name} for the board`);
  await form.getByLabel('What it tells').selectOption('summary');
  await form.getByRole('button', { name: 'Make the report' }).click();
  const row = page.getByRole('row', { name: /for the board/ });
  await expect(row.getByRole('button', { name: /^Download/ })).toBeVisible({ timeout: 30_000 });
});

/** How many points of a chart's picture have a colour, and not only the greys of its scale. */
const drawn = (chart: Locator) =>
  chart.locator('canvas').evaluate((canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const picture = (canvas as HTMLCanvasElement).getContext('2d')?.getImageData(0, 0, width, height).data;
    let count = 0;
    for (let at = 0; picture !== undefined && at < picture.length; at += 4) {
      const [red = 0, green = 0, blue = 0, alpha = 0] = picture.subarray(at, at + 4);
      if (alpha > 0 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60) count += 1;
    }
    return count;
  });

test('trends are drawn of what was measured, and say the same in words and as a table', async () => {
  await page.goto(at('/'));
  await settled(page);
  const trends = page.getByRole('region', { name: 'Trends' });
  await expect(trends.getByText(/Measured once an hour/)).toBeVisible();
  const bySeverity = trends.getByRole('region', { name: 'Open findings by severity' });
  // A line each, and what is pointed at is said.
  const lines = bySeverity.locator('.lines');
  await expect(lines.locator('.lines-names > li')).toHaveCount(5);
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await expect(page.locator(`html[data-mantine-color-scheme=${scheme}]`)).toBeAttached();
    await expect.poll(() => drawn(lines)).toBeGreaterThan(500);
  }
  await lines.locator('.u-over').hover();
  await expect(lines.locator('.lines-values')).toContainText(/Critical: \d+/);
  await bySeverity.getByText('As a table').click();
  const values = bySeverity.getByRole('table');
  expect(await values.getByRole('row').count()).toBeGreaterThan(50);
  // What was not measured is not there, rather than nothing.
  await expect(values.getByRole('row').last().getByRole('cell').nth(1)).toHaveText('80');
  await trends.getByText('7 days').click();
  await expect(page).toHaveURL(/span=week/);
  await expect(trends.getByRole('radio', { name: '7 days' })).toBeChecked();
  await expect.poll(() => drawn(lines)).toBeGreaterThan(500);
  await page.goto(`/?company=${site().other}`);
  await expect(page.getByText('No host reports yet')).toBeVisible();
});

test('a patch is seen rolling out on the page of its CVE, as a line, in words and as a table', async () => {
  await page.goto(at(`/cves/${PATCHED}`));
  const spread = page.getByRole('region', { name: 'Hosts affected', exact: true });
  await expect(spread.getByText(/^0 hosts as of .* Recorded since/)).toBeVisible();
  await expect(spread.getByText(/40 hosts fewer than on .* The most were 55 hosts, last on/)).toBeVisible();
  const line = spread.locator('.lines');
  await expect(line.locator('.lines-names > li')).toHaveCount(1);
  await expect.poll(() => drawn(line)).toBeGreaterThan(200);
  await spread.getByText('As a table').click();
  const values = spread.getByRole('table').getByRole('row');
  // The newest first, below the head: today is counted now, and two months ago is the first day.
  await expect(values.nth(1).getByRole('cell').nth(1)).toHaveText('0');
  await expect(values.last().getByRole('cell').nth(1)).toHaveText('40');
  // Nobody looked at the other company's until today.
  await page.goto(`/cves/${PATCHED}?company=${site().other}`);
  await expect(spread.getByText(/from tomorrow on a line|The line begins tomorrow/)).toBeVisible();
  await expect(line).toHaveCount(0);
});
