import type { Page } from '@playwright/test';

import { PATCHED } from './history';
import { site } from './site';
import { at } from './test';

/** Every page, by a name for its picture. It fails when the site has nothing to show one of them with. */
export async function pages(page: Page): Promise<[string, string][]> {
  const first = async (path: string) => {
    await page.goto(at(path));
    const link = page.locator('table.data-table tbody a').first();
    // What is missing is said once all is known.
    await link.waitFor({ timeout: 5_000 }).catch(() => undefined);
    return (await link.count()) > 0
      ? new URL((await link.getAttribute('href')) ?? '', page.url()).pathname
      : undefined;
  };
  const host = await first('/hosts');
  const software = await first('/software?view=versions&vulnerable=true');
  const cve = await first('/cves');
  const policy = await first('/policies');
  const webhook = await first('/webhooks');
  /** The first of a list of the API, by its id. */
  const one = async (path: string) => {
    const headers = { 'Muster-Company': site().company };
    const answer = await page.request.get(`/api/v1/${path}`, { headers });
    return ((await answer.json()) as { items?: { id: string }[] }).items?.[0]?.id;
  };
  const opened = async (
    name: string,
    list: string,
    address: string,
  ): Promise<[string, string | undefined]> => {
    const id = await one(list);
    return [name, id && `${address}${address.includes('?') ? '&' : '?'}open=${id}`];
  };
  const sent = webhook?.split('/').at(-1) ?? '';
  const all: [string, string | undefined][] = [
    ['overview', '/'],
    ['overview-week', '/?span=week'],
    ['hosts', '/hosts'],
    ['hosts-as-of', `/hosts?as_of=${encodeURIComponent(new Date(Date.now() - 1000).toISOString())}`],
    ['hosts-none', '/hosts?query=nobody-is-called-so'],
    ['hosts-of-software', software && `/hosts?software=${software.split('/').at(-1) ?? ''}`],
    ['host', host],
    ['host-software', host && `${host}?tab=software`],
    ['host-findings', host && `${host}?tab=findings`],
    ['host-policies', host && `${host}?tab=policies`],
    ['host-sources', host && `${host}?tab=sources`],
    ['host-history', host && `${host}?tab=history`],
    ['software', '/software'],
    ['software-versions', '/software?view=versions&sort=findings'],
    ['software-one', software],
    ['software-matching', software && `${software}?tab=matching`],
    ['cves', '/cves'],
    ['cve', cve],
    ['cve-software', cve && `${cve}?tab=software`],
    ['cve-scores', cve && `${cve}?tab=scores`],
    ['cve-spread', `/cves/${PATCHED}`],
    ['cve-unknown', '/cves/CVE-2099-99999'],
    ['findings', '/findings'],
    ['exceptions', '/exceptions'],
    await opened('exception-open', 'exceptions', '/exceptions'),
    ['exceptions-vex', '/exceptions?tab=vex'],
    ['policies', '/policies'],
    ['policy', policy],
    ['policy-form', '/policies?edit=new'],
    ['labels', '/labels'],
    ['label-form', '/labels?edit=new'],
    ['reports', '/reports'],
    ['report-form', '/reports?edit=new'],
    ['report-schedules', '/reports?tab=schedules'],
    ['report-schedule-form', '/reports?tab=schedules&edit=new'],
    ['deploy', '/deploy'],
    ['imports', '/imports'],
    await opened('import-open', 'imports', '/imports'),
    ['imports-none', '/imports?state=failed'],
    ['audit', '/audit'],
    await opened('audit-open', 'audit', '/audit'),
    ['audit-not-on-page', '/audit?open=00000000-0000-4000-8000-000000000000'],
    ['audit-operators', '/audit?of=operators'],
    ['webhooks', '/webhooks'],
    ['webhook', webhook],
    await opened('webhook-message', `webhooks/${sent}/deliveries`, webhook ?? '/webhooks'),
    ['webhook-edit', webhook && `${webhook}?edit=${webhook.split('/').at(-1) ?? ''}`],
    ['webhook-form', '/webhooks?edit=new'],
    ['webhook-not-found', '/webhooks/00000000-0000-4000-8000-000000000000'],
    ['webhooks-given-up', '/webhooks?tab=dead'],
    ['events', '/webhooks?tab=events'],
    ['settings-people', '/settings?tab=people'],
    ['settings-provider', '/settings?tab=provider'],
    ['settings-keys', '/settings?tab=keys'],
    ['settings-agents', '/settings?tab=agents'],
    ['settings-exceptions', '/settings?tab=exceptions'],
    ['settings-kept', '/settings?tab=kept'],
    ['account', '/account'],
    ['companies', '/companies'],
    ['operators', '/operators'],
    ['pipeline', '/pipeline'],
    ['feeds', '/feeds'],
    ['dead-letters', '/dead-letters'],
    ['not-found', '/there/is/no/such/page'],
    ['host-not-found', '/hosts/00000000-0000-4000-8000-000000000000'],
  ];
  // A page that is left out would be looked at by nobody, and pass.
  const missing = all.filter(([, path]) => path === undefined).map(([name]) => name);
  if (missing.length > 0) throw new Error(`the site has nothing for these pages: ${missing.join(', ')}`);
  return all.filter((each): each is [string, string] => each[1] !== undefined);
}
