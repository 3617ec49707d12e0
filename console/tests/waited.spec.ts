import { site } from './harness/site';
import { at, expect, FOR_A_MINUTE, open, signIn, test } from './harness/test';

test('what was accepted for a minute is open again by itself', async ({ browser }) => {
  test.setTimeout(240_000);
  const { page } = await open(browser);
  await signIn(page);
  const answer = await page.request.get('/api/v1/exceptions?limit=1000', {
    headers: { 'Muster-Company': site().company },
  });
  const { items } = (await answer.json()) as { items: { note: string; rule: { cve: string } }[] };
  const brief = items.find((one) => one.note === FOR_A_MINUTE)?.rule.cve ?? 'none';
  await page.goto(at(`/findings?cve=${brief}`));
  // A job of the collector's looks for what is over once a minute.
  const again = page.getByRole('table', { name: 'Findings' }).getByRole('link', { name: brief }).first();
  await expect(async () => {
    await page.getByRole('button', { name: 'Refresh' }).click();
    await expect(again).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 180_000, intervals: [2_000] });
  await page.goto(at(`/exceptions?state=expired&cve=${brief}`));
  await expect(page.getByRole('table', { name: 'Exceptions' })).toContainText('Over');
});
