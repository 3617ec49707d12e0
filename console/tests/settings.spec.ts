import type { Page } from '@playwright/test';

import { at, expect, open, settled, signIn, test } from './harness/test';

test.describe.configure({ mode: 'serial' });

let page: Page;

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser));
  await signIn(page);
});

test.afterAll(() => page.context().close());

test('how long what is over is kept is set, and is set back', async () => {
  await page.goto(at('/settings?tab=kept'));
  const history = page.getByLabel(/^Days that what is over is kept/);
  const silent = page.getByLabel(/^Days after which a silent host is let go/);
  await expect(history).toHaveValue('');
  await history.fill('30');
  await silent.fill('60');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  await page.reload();
  await expect(history).toHaveValue('30');
  await expect(silent).toHaveValue('60');
  await silent.fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved.')).toBeVisible();
  await page.reload();
  await expect(silent).toHaveValue('');
  await expect(history).toHaveValue('30');
});

test('what agents are told is set for all of the company, and shown where it is read', async () => {
  await page.goto(at('/settings?tab=agents'));
  await settled(page);
  const scan = page.getByLabel(/^Seconds between two scans/);
  const save = page.getByRole('button', { name: 'Save' });
  // Twice, by the keyboard: the button that was pressed has the focus still, and what is saved next is of this version.
  for (const seconds of ['3600', '7200']) {
    await scan.fill(seconds);
    const saved = page.waitForResponse((response) => response.request().method() === 'PUT');
    await save.press('Enter');
    expect((await saved).status()).toBe(200);
    await settled(page);
    await expect(save).toBeFocused();
    await expect(scan).toHaveValue(seconds);
  }
  await page.reload();
  await expect(scan).toHaveValue('7200');
});
