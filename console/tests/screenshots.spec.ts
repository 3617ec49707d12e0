import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { pages } from './harness/pages';
import { at, expect, open, settled, signIn, test } from './harness/test';

const FOLDER = process.env.SCREENSHOTS ?? 'screenshots';

const LOOKS = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['narrow', { colorScheme: 'light', viewport: { width: 360, height: 740 } }],
] as const;

for (const [look, options] of LOOKS) {
  test(`pictures of every page, ${look}`, async ({ browser }) => {
    test.setTimeout(600_000);
    const folder = join(FOLDER, look);
    mkdirSync(folder, { recursive: true });
    // Without motion everything is in its place at once.
    const { page } = await open(browser, { ...options, reducedMotion: 'reduce' });
    const shot = (name: string) => page.screenshot({ path: join(folder, `${name}.png`) });
    await page.goto('/sign-in');
    await shot('sign-in');
    await page.goto('/invitation');
    await shot('invitation');
    await signIn(page);
    for (const [name, path] of await pages(page)) {
      await page.goto(at(path));
      await settled(page);
      await shot(name);
    }
    await page.goto(at('/findings'));
    await settled(page);
    await page.keyboard.press('j');
    for (const [key, name] of [
      ['e', 'finding-explained'],
      ['a', 'finding-accepted'],
    ] as const) {
      await page.keyboard.press(key);
      await settled(page);
      await shot(name);
      await page.keyboard.press('Escape');
      await expect(page.getByRole('dialog')).toBeHidden();
    }
  });
}
