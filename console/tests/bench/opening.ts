import type { BrowserContext, Page } from '@playwright/test';

import { at, settled } from '../harness/test';
import type { Place } from './places';

/** How long a page took, in milliseconds from when it was gone to. */
export interface Opened {
  /** Until what it is for is there. */
  usable: number;
  /** Until no place is held for anything any more. */
  complete: number;
  /** Until the first byte of the slowest answer of the API, from when that was asked for. */
  server: number;
  /** The answer that was. */
  slowest: string;
  requests: number;
}

declare global {
  // What a page writes down of itself.
  var benchUsable: number | undefined;
  var benchComplete: number | undefined;
}

/** Looks at every frame for what is waited for; runs before anything of the page does. */
function watch(shows: string): void {
  const look = () => {
    const isThere = document.querySelector('main h1') !== null && document.querySelector(shows) !== null;
    if (isThere) globalThis.benchUsable ??= performance.now();
    if (isThere && document.querySelector('.mantine-Skeleton-root') === null) {
      globalThis.benchComplete = performance.now();
      return;
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Opens a page in a tab of its own, as from a link: with the scripts in the browser's cache and no data. */
export async function opening(context: BrowserContext, place: Place): Promise<Opened> {
  const page = await context.newPage();
  try {
    await page.addInitScript(watch, place.shows);
    await page.goto(at(place.path), { waitUntil: 'commit' });
    await page.waitForFunction(() => globalThis.benchComplete !== undefined, undefined, { timeout: 60_000 });
    return await figures(page);
  } catch (error) {
    throw new Error(`${place.name} did not open`, { cause: error });
  } finally {
    await page.close();
  }
}

const figures = (page: Page): Promise<Opened> =>
  page.evaluate(() => {
    const asked = (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter((one) => one.name.includes('/api/v1/') && !one.name.includes('/api/v1/events'))
      .map((one) => ({ name: new URL(one.name), ms: one.responseStart - one.requestStart }))
      .sort((one, other) => other.ms - one.ms);
    const [slowest] = asked;
    return {
      usable: globalThis.benchUsable ?? 0,
      complete: globalThis.benchComplete ?? 0,
      server: slowest?.ms ?? 0,
      slowest: slowest ? slowest.name.pathname.replace('/api/v1/', '') + slowest.name.search : '',
      requests: asked.length,
    };
  });

/** Bytes of script that a page takes as they come over the wire, for a browser that has nothing of it. */
export async function scriptBytes(page: Page, path: string): Promise<number> {
  await page.goto(path);
  // Not until the network is idle: the stream of events never ends.
  await settled(page);
  return page.evaluate(() =>
    (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter((one) => new URL(one.name).pathname.endsWith('.js'))
      .reduce((sum, one) => sum + one.encodedBodySize, 0),
  );
}
