import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** The rules of WCAG 2.2 AA and what is known to be good beside them. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** The rules of these that look at colours: names, roles and order are the same in every one. */
const COLOURS = ['color-contrast', 'link-in-text-block'];

/** What axe finds on a page, in a line each: all of it in light, and the colours once more in dark. */
export async function violations(page: Page, name: string): Promise<string[]> {
  const found: string[] = [];
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme });
    await expect(page.locator(`html[data-mantine-color-scheme=${scheme}]`)).toBeAttached();
    const axe = new AxeBuilder({ page });
    const { violations: all } = await (
      scheme === 'light' ? axe.withTags(TAGS) : axe.withRules(COLOURS)
    ).analyze();
    found.push(
      ...all.map(
        (one) =>
          `${name}, ${scheme}: ${one.id}: ${one.nodes
            .map((node) => node.target.join(' '))
            .slice(0, 3)
            .join(' | ')}`,
      ),
    );
  }
  return found;
}
