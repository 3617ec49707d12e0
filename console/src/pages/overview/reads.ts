import type { Api } from '../../api/client';
import { useRead } from '../../api/read';

const MINUTE_MS = 60_000;
/** Hosts that were silent for so long are shown as such. */
export const SILENT_DAYS = 7;
const ROWS = 6;

/** The instant before which hosts count as silent at another one; to the hour, so that it is the same for an hour. */
function silentSince(now: number): string {
  const hour = 3_600_000;
  const at = Math.floor(now / hour) * hour - SILENT_DAYS * 24 * hour;
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

/** CVEs on hosts, in an order. */
const cves = (api: Api, query: { kev?: boolean; sort: 'kev' | 'epss' }) =>
  api.GET('/api/v1/cves', { params: { query: { ...query, on_hosts: true, limit: ROWS } } });

/**
 * All that the overview shows beside trends. Its numbers renew themselves; its lists stay as they are until somebody says
 * so, as every list does. One time stands above all of it: that of the oldest.
 */
export function useOverview() {
  const every = { every: MINUTE_MS };
  const still = { still: true };
  const silent = useRead(
    ['overview', 'silent'],
    (api) =>
      api.GET('/api/v1/hosts', {
        params: { query: { silent_since: silentSince(Date.now()), sort: 'silent', limit: ROWS } },
      }),
    still,
  );
  return {
    /** Since when the hosts of the list are silent, at the time at which it was read. */
    since: silentSince(silent.dataUpdatedAt || Date.now()),
    summary: useRead(['summary'], (api) => api.GET('/api/v1/summary'), every),
    exploited: useRead(['overview', 'kev'], (api) => cves(api, { kev: true, sort: 'kev' }), still),
    likely: useRead(['overview', 'epss'], (api) => cves(api, { sort: 'epss' }), still),
    silent,
    policies: useRead(['overview', 'policies'], (api) => api.GET('/api/v1/policies/summary'), every),
    feeds: useRead(['feeds'], (api) => api.GET('/api/v1/feeds'), every),
    pipeline: useRead(['pipeline'], (api) => api.GET('/api/v1/pipeline'), every),
  };
}

/** What the overview has read. */
export type Overview = ReturnType<typeof useOverview>;
