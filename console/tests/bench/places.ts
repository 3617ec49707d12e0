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
const TITLE = 'main h1';

interface Row {
  id: string;
  software?: { id: string };
}

/** The pages of a large company, each by what makes it slow. */
export async function places(request: APIRequestContext): Promise<Place[]> {
  const first = async (path: string): Promise<Row> => {
    const headers = { 'Muster-Company': site().company };
    const answer = await request.get(`/api/v1/${path}`, { headers });
    const { items } = (await answer.json()) as { items: Row[] };
    if (items[0] === undefined) throw new Error(`nothing in ${path}`);
    return items[0];
  };
  const next = async (path: string): Promise<string> => {
    const headers = { 'Muster-Company': site().company };
    const answer = await request.get(`/api/v1/${path}`, { headers });
    return encodeURIComponent(((await answer.json()) as { next_page_token: string }).next_page_token);
  };
  const host = `/hosts/${(await first('hosts?limit=1')).id}`;
  const software = `/software/${(await first('software?sort=hosts&limit=1')).id}`;
  const cve = `/cves/${(await first('cves?sort=hosts&limit=1')).id}`;
  return [
    { name: 'overview', path: '/', shows: '.tile' },
    { name: 'hosts', path: '/hosts', shows: ROWS },
    { name: 'hosts, next page', path: `/hosts?page_token=${await next('hosts?limit=100')}`, shows: ROWS },
    { name: 'hosts, 1,000 rows', path: '/hosts?limit=1000', shows: ROWS },
    { name: 'hosts by last heard of', path: '/hosts?sort=last_seen', shows: ROWS },
    { name: 'hosts by name', path: '/hosts?query=host-77', shows: ROWS },
    { name: 'host', path: host, shows: '.facts' },
    { name: 'host, software', path: `${host}?tab=software`, shows: ROWS },
    { name: 'host, findings', path: `${host}?tab=findings`, shows: ROWS },
    { name: 'host, history', path: `${host}?tab=history`, shows: ROWS },
    { name: 'software', path: '/software', shows: ROWS },
    { name: 'software by findings', path: '/software?view=versions&sort=findings', shows: ROWS },
    { name: 'one piece of software', path: software, shows: ROWS },
    { name: 'its findings', path: `${software}?tab=findings`, shows: TITLE },
    { name: 'CVEs', path: '/cves', shows: ROWS },
    { name: 'CVEs by hosts', path: '/cves?sort=hosts', shows: ROWS },
    { name: 'one CVE', path: cve, shows: ROWS },
    { name: 'its software', path: `${cve}?tab=software`, shows: ROWS },
    { name: 'findings', path: '/findings', shows: ROWS },
    {
      name: 'findings, next page',
      path: `/findings?page_token=${await next('findings?limit=100')}`,
      shows: ROWS,
    },
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
    { name: 'audit log', path: '/audit', shows: ROWS },
    { name: 'pipeline', path: '/pipeline', shows: TITLE },
    { name: 'feeds', path: '/feeds', shows: TITLE },
    { name: 'settings', path: '/settings?tab=people', shows: TITLE },
  ];
}
