import type { Page } from '@playwright/test';

import { site } from '../harness/site';
import { at } from '../harness/test';

/** The times from frame to frame while a list was scrolled, in milliseconds. */
export interface Frames {
  rows: number;
  p50: number;
  p99: number;
  max: number;
}

const FRAMES = 600;

interface Listed {
  items: unknown[];
  next_page_token?: string;
}

/** So many hosts as the API says them, page by page. */
async function hosts(page: Page, count: number): Promise<unknown[]> {
  const headers = { 'Muster-Company': site().company };
  const all: unknown[] = [];
  let token = '';
  while (all.length < count) {
    const answer = await page.request.get(`/api/v1/hosts?limit=1000${token}`, { headers });
    const { items, next_page_token } = (await answer.json()) as Listed;
    all.push(...items);
    if (next_page_token === undefined) break;
    token = `&page_token=${encodeURIComponent(next_page_token)}`;
  }
  return all;
}

/**
 * Scrolls a list of real hosts, from its top to its end. No answer of the API has more than a thousand: a longer one is
 * put together of the API's own pages, to see what the table does.
 */
export async function scrolling(page: Page, rows: number): Promise<Frames> {
  const items = rows > 1000 ? await hosts(page, rows) : undefined;
  if (items !== undefined) {
    const body = JSON.stringify({ items, total: { count: items.length, type: 'EXACT' } });
    await page.route('**/api/v1/hosts?*', (route) =>
      route.fulfill({ body, contentType: 'application/json' }),
    );
  }
  await page.goto(at('/hosts?limit=1000'));
  await page.locator('tr[data-row]').first().waitFor({ timeout: 60_000 });
  const times = await page.evaluate(async (frames) => {
    const box = document.querySelector('.table-box');
    if (box === null) throw new Error('no list to scroll');
    const step = (box.scrollHeight - box.clientHeight) / frames;
    const frame = () => new Promise<number>((done) => requestAnimationFrame(done));
    const all: number[] = [];
    let before = await frame();
    for (let number = 1; number <= frames; number += 1) {
      box.scrollTop = step * number;
      const now = await frame();
      all.push(now - before);
      before = now;
    }
    return all;
  }, FRAMES);
  const last = page.locator('tr[data-row]').last();
  await last.waitFor();
  const shown = Number(await last.getAttribute('aria-rowindex')) - 1;
  await page.unroute('**/api/v1/hosts?*');
  if (items !== undefined && shown !== items.length)
    throw new Error(`the end of ${items.length} rows was not come to, but ${shown}`);
  const sorted = times.sort((one, other) => one - other);
  const of = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { rows: shown, p50: of(0.5), p99: of(0.99), max: of(1) };
}
