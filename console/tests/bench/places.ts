import type { APIRequestContext } from '@playwright/test';

import { site } from '../harness/site';

/** A page, and what is there once it can be worked with. */
export interface Place {
  name: string;
  path: string;
  /** What is waited for: the rows of a list, the numbers of a page. */
  shows: string;
}

const ROWS = 'table.data-table tbody tr[data-row]';
const MOMENTS = 'ol.timeline > li';
const TITLE = 'main h1';

interface Row {
  id: string;
  software?: { id: string };
}

/** How many there are for a company whose lists have more than a page. */
export const PLACES = 34;

/** The pages of a large company, each by what makes it slow. Next pages are left out where there is none. */
export async function places(request: APIRequestContext): Promise<Place[]> {
  const first = async (path: string): Promise<Row> => {
    const headers = { 'Muster-Company': site().company };
    const answer = await request.get(`/api/v1/${path}`, { headers });
    const { items } = (await answer.json()) as { items: Row[] };
    if (items[0] === undefined) throw new Error(`nothing in ${path}`);
    return items[0];
  };
  const next = async (list: string): Promise<Place[]> => {
    const headers = { 'Muster-Company': site().company };
    const answer = await request.get(`/api/v1/${list}?limit=100`, { headers });
    const { next_page_token: token } = (await answer.json()) as { next_page_token?: string | null };
    if (token == null) return [];
    const path = `/${list}?page_token=${encodeURIComponent(token)}`;
    return [{ name: `${list}, next page`, path, shows: ROWS }];
  };
  const host = `/hosts/${(await first('hosts?limit=1')).id}`;
  const software = `/software/${(await first('software?sort=hosts&limit=1')).id}`;
  const cve = `/cves/${(await first('cves?sort=hosts&limit=1')).id}`;
  return [
    { name: 'overview', path: '/', shows: '.tile' },
    { name: 'hosts', path: '/hosts', shows: ROWS },
    ...(await next('hosts')),
    { name: 'hosts, 1,000 rows', path: '/hosts?limit=1000', shows: ROWS },
    { name: 'hosts by last heard of', path: '/hosts?sort=last_seen', shows: ROWS },
    { name: 'hosts by name', path: '/hosts?query=host-77', shows: ROWS },
    { name: 'host', path: host, shows: '.facts' },
    { name: 'host, software', path: `${host}?tab=software`, shows: ROWS },
    { name: 'host, findings', path: `${host}?tab=findings`, shows: ROWS },
    { name: 'host, history', path: `${host}?tab=history`, shows: MOMENTS },
    { name: 'software', path: '/software', shows: ROWS },
    { name: 'software by findings', path: '/software?view=versions&sort=findings', shows: ROWS },
    { name: 'one piece of software', path: `${software}?tab=hosts`, shows: ROWS },
    { name: 'its findings', path: `${software}?tab=findings`, shows: TITLE },
    { name: 'CVEs', path: '/cves', shows: ROWS },
    { name: 'CVEs by hosts', path: '/cves?sort=hosts', shows: ROWS },
    { name: 'one CVE', path: cve, shows: ROWS },
    { name: 'its software', path: `${cve}?tab=software`, shows: ROWS },
    { name: 'findings', path: '/findings', shows: ROWS },
    ...(await next('findings')),
    { name: 'findings by EPSS', path: '/findings?sort=epss', shows: ROWS },
    { name: 'findings by hosts', path: '/findings?sort=hosts', shows: ROWS },
    { name: 'findings, critical', path: '/findings?severity_min=critical', shows: ROWS },
    { name: 'findings, exploited', path: '/findings?kev=true', shows: TITLE },
    { name: 'exceptions', path: '/exceptions', shows: TITLE },
    { name: 'policies', path: '/policies', shows: TITLE },
    { name: 'labels', path: '/labels', shows: TITLE },
    { name: 'reports', path: '/reports', shows: TITLE },
    { name: 'imports', path: '/imports', shows: TITLE },
    { name: 'webhooks', path: '/webhooks', shows: TITLE },
    // The rows of a company that was loaded say nothing in its log.
    { name: 'audit log', path: '/audit', shows: TITLE },
    { name: 'pipeline', path: '/pipeline', shows: TITLE },
    { name: 'feeds', path: '/feeds', shows: TITLE },
    { name: 'settings', path: '/settings?tab=people', shows: TITLE },
  ];
}
