import type { Page } from '@playwright/test';

import { at, expect, settled } from '../harness/test';

/** What is held after all that can be let go is. */
export interface Held {
  megabytes: number;
  nodes: number;
  listeners: number;
}

/** Every so many navigations it is looked at what is held. */
const LOOK_EVERY = 25;
const NAMES = [
  'Hosts',
  'Software',
  'Vulnerabilities',
  'Findings',
  'Exceptions',
  'Policies',
  'Labels',
  'Overview',
];

/** Goes from page to page as people do, and gives what is held after every 25 of them. */
export async function wandering(page: Page, times: number): Promise<Held[]> {
  const browser = await page.context().newCDPSession(page);
  await browser.send('Performance.enable');
  const held = async (): Promise<Held> => {
    // A second time for what the first set free.
    await browser.send('HeapProfiler.collectGarbage');
    await browser.send('HeapProfiler.collectGarbage');
    const { metrics } = await browser.send('Performance.getMetrics');
    const of = (name: string) => metrics.find((one) => one.name === name)?.value ?? 0;
    return {
      megabytes: of('JSHeapUsedSize') / 1e6,
      nodes: of('Nodes'),
      listeners: of('JSEventListeners'),
    };
  };
  await page.goto(at('/'));
  await settled(page);
  const all: Held[] = [];
  const places = page.getByRole('navigation', { name: 'Pages' });
  for (let number = 1; number <= times; number += 1) {
    const name = NAMES[(number - 1) % NAMES.length] ?? '';
    await places.getByRole('link', { name, exact: true }).click();
    await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
    // Always of the same page, so that the same is held.
    if (number % LOOK_EVERY === 0) {
      await places.getByRole('link', { name: 'Labels', exact: true }).click();
      await settled(page);
      all.push(await held());
    }
  }
  return all;
}
