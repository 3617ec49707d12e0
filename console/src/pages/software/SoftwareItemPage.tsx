import { Tabs } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asNumber } from '../../format/number';
import { Go } from '../../parts/Go';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { Counts } from '../../parts/Severity';
import { Failure, Loading, Notice, ReadAt } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { FindingList } from '../findings/FindingList';
import { hostColumns } from '../hosts/columns';
import { WhyNot } from './WhyNot';

const route = getRouteApi('/app/software/$software');
const TABS = ['findings', 'hosts', 'matching'] as const;

/** One version of software: which CVEs it has, who has it, and what it was taken for. */
export function SoftwareItemPage() {
  const { software: id } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const read = useRead(['software', id], (api) =>
    api.GET('/api/v1/software/{software}', { params: { path: { software: id } } }),
  );
  if (read.data === undefined) {
    return (
      <>
        <PageHead title={text.software.one} />
        {read.error ? (
          <Failure
            error={read.error}
            retry={() => void read.refetch()}
            onward={<Go to="/software">{text.nav.software}</Go>}
          />
        ) : (
          <Loading />
        )}
      </>
    );
  }
  const item = read.data;
  return (
    <>
      <PageHead
        title={`${item.name} ${item.version}`}
        lead={
          <>
            {text.source(item.source)} ·{' '}
            <Go to="/software" search={{ view: 'versions', name: item.name }} underline="always">
              {text.software.allVersions}
            </Go>
          </>
        }
      >
        <ReadAt read={read} />
      </PageHead>
      <Facts
        of={[
          [text.host.findings, <Counts key="c" of={item.findings} />],
          [text.nav.hosts, asNumber(item.hosts)],
          [text.software.matching, text.software.statuses[item.matching.status]],
          [text.software.firstSeen, <Moment key="m" at={item.first_seen_at} as="instant" />],
        ]}
      />
      <Tabs
        mt="md"
        value={search.tab ?? 'findings'}
        onChange={(next) =>
          void navigate({
            search: (old) => ({ company: old.company, tab: TABS.find((one) => one === next) }),
          })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {TABS.map((tab) => (
            <Tabs.Tab key={tab} value={tab}>
              {text.software.tabs[tab]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="findings">
          <Findings id={id} />
        </Tabs.Panel>
        <Tabs.Panel value="hosts">
          <Hosts id={id} />
        </Tabs.Panel>
        <Tabs.Panel value="matching">
          <Matching item={item} />
          <Asked id={id} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

type Search = ReturnType<typeof route.useSearch>;

function useSet() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  return (change: Partial<Search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
}

function Findings({ id }: { id: string }) {
  const search = route.useSearch();
  const set = useSet();
  const query = { software: id, page_token: search.page_token, limit: search.limit };
  const read = useRead(
    ['software', id, 'findings', query],
    (api, signal) => api.GET('/api/v1/findings', { params: { query }, signal }),
    { still: true },
  );
  return (
    <FindingList
      read={read}
      search={search}
      set={({ sort: _sort, as_of: _asOf, ...change }) => set(change)}
      isSorted={false}
    />
  );
}

function Hosts({ id }: { id: string }) {
  const search = route.useSearch();
  const set = useSet();
  const query = { software: id, page_token: search.page_token, limit: search.limit };
  const read = useRead(['software', id, 'hosts', query], (api, signal) =>
    api.GET('/api/v1/hosts', { params: { query }, signal }),
  );
  return (
    <ListView
      label={text.nav.hosts}
      read={read}
      columns={hostColumns}
      rowId={(host) => host.id}
      search={search}
      set={set}
      empty={<Notice title={text.software.noHosts} />}
    />
  );
}

/** A CVE that is asked about, which stands in the address. */
function Asked({ id }: { id: string }) {
  const { cve } = route.useSearch();
  const set = useSet();
  return <WhyNot software={id} cve={cve} set={(next) => set({ cve: next })} />;
}

function Matching({ item }: { item: Schemas['SoftwareItem'] }) {
  const { matching } = item;
  return (
    <Facts
      of={[
        [text.software.matching, text.software.statuses[matching.status]],
        [text.software.reason, matching.reason],
        [text.software.rule, matching.rule],
        [text.software.cpes, matching.cpes.join('\n')],
        [text.software.purl, matching.purl],
        [text.software.vendor, item.vendor],
        [text.software.arch, item.arch],
        [text.software.sourceName, [item.source_name, item.source_version].filter(Boolean).join(' ')],
        [text.software.origin, item.origin],
        [text.host.platform, `${item.platform.id || item.platform.family} ${item.platform.version}`],
        [
          text.software.running,
          item.running == null ? undefined : item.running ? text.common.yes : text.common.no,
        ],
        [text.software.index, matching.index],
        [text.software.evaluatedAt, <Moment key="e" at={matching.evaluated_at} as="instant" />],
        [text.host.id, item.id],
      ]}
    />
  );
}
