import type { Page } from '@playwright/test';

import { violations } from './harness/axe';
import { site } from './harness/site';
import { at, expect, open, settled, signIn, test } from './harness/test';

let page: Page;

test.beforeAll(async ({ browser }) => {
  ({ page } = await open(browser, { colorScheme: 'light', reducedMotion: 'reduce' }));
  await signIn(page);
});

test.afterAll(() => page.context().close());

/** Has the hosts answered with a problem for as long as something is looked at. */
async function withProblem(status: number, look: () => Promise<void>): Promise<void> {
  const where = (url: URL) => url.pathname === '/api/v1/hosts';
  const body = JSON.stringify({ title: 'Not now', detail: 'It is not to be had now.', request_id: 'abc' });
  await page.route(where, (route) =>
    route.fulfill({ status, contentType: 'application/problem+json', body }),
  );
  await look();
  await page.unroute(where);
}

test('what may not be seen is said so that everybody can read it', async () => {
  await withProblem(403, async () => {
    await page.goto(at('/hosts'));
    await expect(page.getByText('You may not see this')).toBeVisible();
    expect(await violations(page, 'no permission')).toEqual([]);
  });
});

test('what went wrong is said so that everybody can read it', async () => {
  await withProblem(409, async () => {
    await page.goto(at('/hosts'));
    await expect(page.getByRole('alert').getByText('It is not to be had now.')).toBeVisible();
    expect(await violations(page, 'failure')).toEqual([]);
  });
});

test('the hosts of a piece of software can be used by everybody', async () => {
  await page.goto(at('/software?view=versions&vulnerable=true'));
  await page.locator('table.data-table tbody a').first().click();
  await page.getByRole('tab', { name: 'Hosts' }).click();
  await settled(page);
  expect(await violations(page, 'software, hosts')).toEqual([]);
});

test('a question before what cannot be undone can be answered by everybody', async () => {
  await page.goto(at('/hosts?kind=agent'));
  await page.getByRole('table', { name: 'Hosts' }).getByRole('link').first().click();
  await settled(page);
  await page.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByRole('dialog', { name: 'Revoke' })).toBeVisible();
  expect(await violations(page, 'confirm')).toEqual([]);
});

test('several findings can be accepted by everybody', async () => {
  await page.goto(at('/findings?limit=5'));
  await settled(page);
  await page.keyboard.press('j');
  await page.keyboard.press('x');
  expect(await violations(page, 'a finding that is picked')).toEqual([]);
  await page.keyboard.press('a');
  const dialog = page.getByRole('dialog', { name: 'Accept several findings' });
  await expect(dialog.getByText('Open findings:')).toBeVisible();
  expect(await violations(page, 'accept several')).toEqual([]);
});

test('an exception can be put off by everybody', async () => {
  const headers = { 'Muster-Csrf': '1', 'Muster-Company': site().company };
  const data = {
    rule: { cve: 'CVE-1999-0003', product: 'nothing-is-called-so' },
    status: 'affected',
    note: 'Until it is replaced.',
    expires_at: new Date(Date.now() + 86_400_000).toISOString(),
  };
  const made = await page.request.post('/api/v1/exceptions', { headers, data });
  expect(made.ok(), await made.text()).toBe(true);
  const { id } = (await made.json()) as { id: string };
  await page.goto(at(`/exceptions?open=${id}`));
  await page.getByRole('button', { name: 'Put off or change' }).click();
  await expect(page.getByRole('dialog', { name: 'Put off or change' }).getByLabel('Reason')).toBeVisible();
  expect(await violations(page, 'put off')).toEqual([]);
  await page.request.post(`/api/v1/exceptions/${id}/withdraw`, { headers });
});
