import { readFileSync } from 'node:fs';

import { places } from './bench/places';
import { violations } from './harness/axe';
import { line } from './harness/line';
import { pages } from './harness/pages';
import { site } from './harness/site';
import { at, expect, open, settled, signIn, test } from './harness/test';

test('every page can be used by everybody, in light and in dark', async ({ browser }) => {
  test.setTimeout(600_000);
  // Without motion nothing has to be waited for until it has come.
  const { page } = await open(browser, { colorScheme: 'light', reducedMotion: 'reduce' });
  await page.goto('/sign-in');
  const found = await violations(page, 'sign-in');
  await page.goto('/invitation');
  found.push(...(await violations(page, 'invitation')));
  await signIn(page);
  for (const [name, path] of await pages(page)) {
    await page.goto(at(path));
    await settled(page);
    found.push(...(await violations(page, name)));
  }
  await page.goto(at('/findings'));
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('e');
  await expect(page.getByRole('dialog')).toBeVisible();
  found.push(...(await violations(page, 'explain')));
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.keyboard.press('a');
  await expect(page.getByRole('dialog')).toBeVisible();
  found.push(...(await violations(page, 'accept')));
  await page.goto(at('/hosts'));
  await settled(page);
  await page.keyboard.press('Control+k');
  await expect(page.getByPlaceholder('A host, software, a CVE or a page')).toBeVisible();
  found.push(...(await violations(page, 'search')));
  expect(found).toEqual([]);
});

/** Pages of the bench that may have no row on a small site. */
const MAY_BE_EMPTY = ['hosts by name', 'host, findings', 'findings, critical'];

test('what the bench waits for is on its pages', async ({ browser }) => {
  test.setTimeout(180_000);
  const { page } = await open(browser);
  await signIn(page);
  const missing: string[] = [];
  for (const { name, path, shows } of await places(page.request)) {
    await page.goto(at(path));
    await settled(page);
    if ((await page.locator(shows).count()) === 0) missing.push(name);
  }
  expect(missing.filter((name) => !MAY_BE_EMPTY.includes(name))).toEqual([]);
});

test('every page fits a screen of 360 pixels', async ({ browser }) => {
  test.setTimeout(600_000);
  const { page } = await open(browser, { viewport: { width: 360, height: 740 } });
  await signIn(page);
  const wide: string[] = [];
  for (const [name, path] of await pages(page)) {
    await page.goto(at(path));
    await settled(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 360) wide.push(`${name}: ${width}`);
  }
  expect(wide).toEqual([]);
  await page.goto(at('/'));
  await page.getByRole('button', { name: 'Menu', exact: true }).click();
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Hosts' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Hosts' })).toBeVisible();
});

test('the document that the types are made from is what the collector serves', async ({ browser }) => {
  const { page } = await open(browser);
  const served = (await (await page.request.get('/api/v1/openapi.json')).json()) as unknown;
  const ours = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as unknown;
  expect(ours).toEqual(served);
});

test('dark is chosen, and stays', async ({ browser }) => {
  const { page } = await open(browser, { colorScheme: 'light' });
  await signIn(page);
  await page.getByRole('button', { name: 'Light or dark' }).click();
  await page.getByRole('menuitemradio', { name: 'Dark' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', 'dark');
});

test('whoever closes a dialog is where they were before, by the keyboard alone', async ({ browser }) => {
  const { page } = await open(browser, { reducedMotion: 'reduce' });
  await signIn(page);
  for (const [path, name] of [
    ['/labels', 'New label'],
    ['/policies', 'New policy'],
    ['/webhooks', 'New webhook'],
    ['/reports', 'New report'],
    ['/companies', 'New company'],
  ] as const) {
    await page.goto(at(path));
    await settled(page);
    const opener = page.getByRole('button', { name }).first();
    await opener.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name });
    await expect(dialog).toBeVisible();
    await expect(dialog.locator(':focus')).toHaveCount(1);
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await expect(opener, path).toBeFocused();
  }
  // Opened by its address there is nothing to go back to but the page.
  await page.goto(at('/labels?edit=new'));
  await expect(page.getByRole('dialog', { name: 'New label' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('main')).toBeFocused();
});

test('who asks for less motion sees none', async ({ browser }) => {
  const { page } = await open(browser, { reducedMotion: 'reduce' });
  await signIn(page);
  await page.goto(at('/findings'));
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('e');
  await expect(page.getByRole('dialog')).toBeVisible();
  const longest = await page.evaluate(() =>
    Math.max(
      0,
      ...document.getAnimations().map((one) => Number(one.effect?.getComputedTiming().duration ?? 0)),
    ),
  );
  expect(longest).toBeLessThan(1);
});

test('what cannot be had is said, and what was there before stays', async ({ browser }) => {
  const way = await line(site().url);
  const { page, context } = await open(browser, { baseURL: way.url });
  await signIn(page);
  await page.goto(at('/hosts'));
  const rows = page.getByRole('table', { name: 'Hosts' }).locator('tbody tr[data-row]');
  await expect(rows.first()).toBeVisible();
  const before = await rows.count();
  way.cut();
  await page.getByRole('button', { name: 'Refresh' }).click();
  await expect(page.getByText('The collector cannot be reached')).toBeVisible({ timeout: 20_000 });
  await expect(rows).toHaveCount(before);
  way.mend();
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('The collector cannot be reached')).toBeHidden();
  await context.close();
  await way.close();
});
