import { Group, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { onHosts, SEVERITIES } from '../../app/searches';
import { typedId } from '../../format/cve';
import { asNumber, asShare } from '../../format/number';
import { OF_FINDINGS } from '../../live/news';
import { Go } from '../../parts/Go';
import { Export } from '../../parts/Export';
import { Choice, TextFilter, Toggle } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Moment } from '../../parts/Moment';
import { OnHosts } from '../../parts/OnHosts';
import { PageHead } from '../../parts/PageHead';
import { KevBadge, Severity } from '../../parts/Severity';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, cleared, isInPassing, withoutPage } from '../../url/search';

const route = getRouteApi('/app/cves');
type Cve = Schemas['CveItem'];

const SUMMARY_CHARS = 140;
const short = (summary: string) =>
  summary.length > SUMMARY_CHARS ? `${summary.slice(0, SUMMARY_CHARS)}…` : summary;

const columns: ColumnDef<Cve>[] = [
  {
    id: 'cve',
    header: text.cve.cve,
    cell: ({ row: { original: cve } }) => (
      <Go to="/cves/$cve" params={{ cve: cve.id }} className="unbroken">
        {cve.id}
      </Go>
    ),
  },
  {
    id: 'severity',
    header: text.cve.severity,
    meta: { sort: 'severity' },
    cell: ({ row: { original: cve } }) => <Severity of={cve.severity} score={cve.cvss_score} />,
  },
  {
    id: 'kev',
    header: text.cve.kev,
    meta: { sort: 'kev' },
    cell: ({ row }) => <KevBadge kev={row.original.kev} />,
  },
  {
    id: 'since',
    header: text.cve.exploitedSince,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.kev?.added} as="day" never="" />,
  },
  {
    id: 'epss',
    header: text.cve.epss,
    meta: { sort: 'epss', isNumber: true, wide: true },
    cell: ({ row }) => (row.original.epss ? asShare(row.original.epss.score) : ''),
  },
  {
    id: 'software',
    header: text.nav.software,
    meta: { isNumber: true, wide: true },
    cell: ({ row }) => asNumber(row.original.software),
  },
  {
    id: 'hosts',
    header: text.nav.hosts,
    meta: { sort: 'hosts', isNumber: true },
    cell: ({ row }) => asNumber(row.original.hosts),
  },
  {
    id: 'published',
    header: text.cve.published,
    meta: { sort: 'published', wide: true },
    cell: ({ row }) => <Moment at={row.original.published_at} as="day" never="" />,
  },
  {
    id: 'summary',
    header: text.cve.summary,
    meta: { wide: true },
    cell: ({ row }) => (
      <Group>
        <Text size="sm">{short(row.original.summary)}</Text>
      </Group>
    ),
  },
];

/** The CVEs that the company's software has. */
export function CvesPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { company: _company, hide: _hide, on, ...given } = search;
  const query = { ...given, on_hosts: onHosts(on) };
  const filter = withoutPage(query);
  const { sort = 'severity', ...narrowing } = withoutPage(given);
  const read = useRead(
    ['cves', query],
    (api, signal) => api.GET('/api/v1/cves', { params: { query }, signal }),
    { still: true },
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const isFiltered = on !== undefined || Object.keys(narrowing).length > 0;
  const id = typedId(search.query ?? '');
  return (
    <>
      <PageHead title={text.nav.cves} lead={text.cve.lead}>
        <Export path="/api/v1/cves/export" query={filter} name="cves" />
      </PageHead>
      <Filters clear={isFiltered ? () => void navigate({ search: (old) => cleared(old) }) : undefined}>
        <TextFilter
          label={text.cve.idOrText}
          placeholder="CVE-2024-21626"
          value={search.query}
          set={(value) => set({ query: value })}
        />
        <Choice
          label={text.cve.severityMin}
          options={SEVERITIES.map((one) => [one, text.severity[one]] as const)}
          value={search.severity_min}
          set={(value) => set({ severity_min: value })}
        />
        <OnHosts value={on} set={(value) => set({ on: value })} />
        <Toggle label={text.finding.kevOnly} value={search.kev} set={(kev) => set({ kev })} />
      </Filters>
      <ListView
        label={text.nav.cves}
        read={read}
        columns={columns}
        rowId={(cve) => cve.id}
        search={search}
        set={set}
        sort={{ by: sort, set: (by) => set({ sort: by as typeof sort }) }}
        news={OF_FINDINGS}
        empty={
          <Notice
            title={id === undefined ? text.cve.none : text.cve.noneHas(id)}
            action={
              id !== undefined && (
                <Go to="/cves/$cve" params={{ cve: id }}>
                  {text.cve.lookUp}
                </Go>
              )
            }
          >
            {id === undefined ? text.common.noneFoundDetail : text.cve.noneHasDetail}
          </Notice>
        }
      />
    </>
  );
}
