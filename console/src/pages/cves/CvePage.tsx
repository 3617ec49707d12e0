import { Anchor, Card, Code, Group, List, Stack, Tabs, Text } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asPublished, recordOf } from '../../format/cve';
import { asNumber, asShare } from '../../format/number';
import { asInstant } from '../../format/time';
import { Export } from '../../parts/Export';
import { Facts } from '../../parts/Facts';
import { AsOf } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { KevBadge, Severity } from '../../parts/Severity';
import { Failure, Loading, Notice, ReadAt } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { FindingList } from '../findings/FindingList';
import { hostColumns, hostColumnsThen } from '../hosts/columns';
import { SpreadPanel } from './SpreadPanel';

const route = getRouteApi('/app/cves/$cve');
const TABS = ['hosts', 'software', 'scores'] as const;

/** One CVE: how it spread, who has it, in which software, what repairs it, and why that is said. */
export function CvePage() {
  const { cve: id } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const read = useRead(['cve', id], (api) =>
    api.GET('/api/v1/cves/{cve}', { params: { path: { cve: id } } }),
  );
  if (read.data === undefined) {
    return (
      <>
        <PageHead title={asPublished(id)} />
        {read.error?.status === 404 ? (
          <Notice title={text.cve.unknown} action={<Go to="/cves">{text.nav.cves}</Go>}>
            {text.cve.unknownDetail}
          </Notice>
        ) : read.error ? (
          <Failure error={read.error} retry={() => void read.refetch()} />
        ) : (
          <Loading />
        )}
      </>
    );
  }
  const cve = read.data;
  return (
    <>
      <PageHead
        title={cve.id}
        lead={
          <Group gap="xs">
            <Severity of={cve.severity} score={cve.cvss_score} />
            <KevBadge kev={cve.kev} />
          </Group>
        }
      >
        <ReadAt read={read} />
      </PageHead>
      <Stack gap="md">
        <Text maw={820}>{cve.summary === '' ? text.cve.noSummary : cve.summary}</Text>
        <Facts
          of={[
            [text.nav.hosts, asNumber(cve.hosts)],
            [text.nav.software, asNumber(cve.software)],
            [
              text.cve.epss,
              cve.epss
                ? text.cve.epssOf(asShare(cve.epss.score), asShare(cve.epss.percentile))
                : text.common.unknown,
            ],
            [
              text.cve.published,
              <Moment key="p" at={cve.published_at} as="day" never={text.common.unknown} />,
            ],
            [text.cve.modified, <Moment key="m" at={cve.modified_at} as="day" never={text.common.unknown} />],
            [
              text.cve.status,
              cve.status === '' && cve.published_at == null ? text.cve.notInFeeds : cve.status,
            ],
            [text.cve.severityOf, cve.severity_source],
            [text.cve.weaknesses, cve.cwes.join(', ')],
          ]}
        />
        {cve.kev != null && <Kev cve={cve} />}
        <SpreadPanel cve={cve.id} />
        <Tabs
          value={search.tab ?? 'hosts'}
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
                {text.cve.tabs[tab]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="hosts">
            <Hosts cve={cve.id} />
          </Tabs.Panel>
          <Tabs.Panel value="software">
            <Software cve={cve.id} />
          </Tabs.Panel>
          <Tabs.Panel value="scores">
            <Scores cve={cve} />
          </Tabs.Panel>
        </Tabs>
      </Stack>
    </>
  );
}

/** What CISA says of an exploited CVE. Its fields are for people to read and may grow. */
function Kev({ cve }: { cve: Schemas['CveDetail'] }) {
  const entry = cve.kev_entry ?? {};
  const said = (name: string) => (typeof entry[name] === 'string' ? entry[name] : undefined);
  return (
    <Card withBorder padding="md" component="section" aria-label={text.cve.kevEntry}>
      <Facts
        of={[
          [text.cve.kevAdded, <Moment key="a" at={cve.kev?.added} as="day" />],
          [text.cve.kevDue, cve.kev?.due != null ? <Moment key="d" at={cve.kev.due} as="day" /> : undefined],
          [text.cve.ransomware, cve.kev?.ransomware === true ? text.common.yes : text.common.notKnown],
          [text.cve.kevName, said('name') ?? said('vulnerability_name')],
          [text.cve.kevAction, said('action') ?? said('required_action')],
        ]}
      />
    </Card>
  );
}

type Search = ReturnType<typeof route.useSearch>;

function useSet() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  return (change: Partial<Search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
}

/** Who has it, now or as it was. */
function Hosts({ cve }: { cve: string }) {
  const search = route.useSearch();
  const set = useSet();
  const filter = { cve, as_of: search.as_of };
  const query = { ...filter, page_token: search.page_token, limit: search.limit };
  const read = useRead(['cve', cve, 'hosts', query], (api, signal) =>
    api.GET('/api/v1/hosts', { params: { query }, signal }),
  );
  return (
    <>
      <Filters>
        <AsOf value={search.as_of} set={(value) => set({ as_of: value })} />
      </Filters>
      <ListView
        label={text.nav.hosts}
        read={read}
        columns={search.as_of === undefined ? hostColumns : hostColumnsThen}
        rowId={(host) => host.id}
        search={search}
        set={set}
        asOf={search.as_of && asInstant(search.as_of)}
        actions={<Export path="/api/v1/hosts/export" query={filter} name={`hosts-with-${cve}`} />}
        empty={<Notice title={text.cve.noneHas(cve)}>{text.cve.noneHasDetail}</Notice>}
      />
    </>
  );
}

/** Which software has it, what repairs it, and why that is said. */
function Software({ cve }: { cve: string }) {
  const search = route.useSearch();
  const set = useSet();
  const query = {
    cve,
    state: 'any' as const,
    as_of: search.as_of,
    page_token: search.page_token,
    limit: search.limit,
  };
  const read = useRead(
    ['cve', cve, 'findings', query],
    (api, signal) => api.GET('/api/v1/findings', { params: { query }, signal }),
    { still: true },
  );
  return (
    <FindingList
      read={read}
      search={search}
      set={({ sort: _sort, ...change }) => set(change)}
      isSorted={false}
    />
  );
}

/** Every score that the feeds have of it, and where to read the record itself. */
function Scores({ cve }: { cve: Schemas['CveDetail'] }) {
  const record = recordOf(cve.id);
  return (
    <Stack>
      {cve.scores.length === 0 ? (
        <Text c="dimmed">{text.cve.noScores}</Text>
      ) : (
        <List>
          {cve.scores.map((score) => (
            <List.Item key={JSON.stringify(score)}>
              {['source', 'version', 'base_score', 'score'].map((name) =>
                score[name] == null ? '' : `${String(score[name])} `,
              )}
              <Code className="broken">{typeof score.vector === 'string' ? score.vector : ''}</Code>
            </List.Item>
          ))}
        </List>
      )}
      <Anchor href={record.href} target="_blank" rel="noreferrer noopener">
        {record.isCve ? text.cve.record : text.cve.advisory}
      </Anchor>
    </Stack>
  );
}
