import { readFileSync } from 'node:fs';

import type { Page } from '@playwright/test';

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
});

test('trends say of when they are, or that nothing is measured yet', async () => {
  await page.goto(at('/?span=week'));
  await settled(page);
  const trends = page.getByRole('region', { name: 'Trends' });
  await expect(trends.getByText(/Measured once an hour|Nothing is measured yet/)).toBeVisible();
  await expect(trends.getByRole('radio', { name: '7 days' })).toBeChecked();
});
