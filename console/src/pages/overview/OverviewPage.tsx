import { Card, Group, Progress, Stack, Table, Text, Title } from '@mantine/core';
import type { LinkProps } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import { useRead } from '../../api/read';
import { asNumber, asShare, asTotal } from '../../format/number';
import { Go, GoCard } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { KevBadge, Severity } from '../../parts/Severity';
import { Notice, ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { Trends } from './Trends';

const MINUTE_MS = 60_000;
/** Hosts that were silent for so long are shown as such. */
const SILENT_DAYS = 7;
const ROWS = 6;

/** What needs somebody now, and how the company stands. */
export function OverviewPage() {
  const summary = useRead(['summary'], (api) => api.GET('/api/v1/summary'), { every: MINUTE_MS });
  return (
    <>
      <PageHead title={text.overview.title} lead={text.overview.lead}>
        <ReadAt read={summary} />
      </PageHead>
      <Stack gap="lg">
        <ReadView read={summary} lines={3}>
          {(data) =>
            data.hosts === 0 ? (
              <Notice title={text.overview.noHosts} action={<Go to="/deploy">{text.nav.deploy}</Go>}>
                {text.overview.noHostsDetail}
              </Notice>
            ) : (
              <>
                <div className="tiles">
                  <Tile
                    label={text.overview.kev}
                    value={data.findings.kev}
                    to={{ to: '/findings', search: { kev: true } }}
                    isBad
                  />
                  <Tile
                    label={text.overview.critical}
                    value={data.findings.critical}
                    to={{ to: '/findings', search: { severity_min: 'critical' } }}
                  />
                  <Tile label={text.overview.open} value={data.findings.open} to={{ to: '/findings' }} />
                  <Tile
                    label={text.overview.suppressed}
                    value={data.findings.suppressed}
                    to={{ to: '/findings', search: { state: 'suppressed' } }}
                  />
                  <Tile label={text.nav.hosts} value={data.hosts} to={{ to: '/hosts' }} />
                  <Tile label={text.nav.software} value={data.software} to={{ to: '/software' }} />
                </div>
                <Bars of={data.findings} />
              </>
            )
          }
        </ReadView>
        <Trends />
        <div className="halves">
          <Exploited />
          <Likely />
          <Silent />
          <Policies />
          <Feeds />
          <Reports />
        </div>
      </Stack>
    </>
  );
}

interface TileProps {
  label: string;
  value: number;
  to: LinkProps;
  isBad?: boolean;
}

function Tile({ label, value, to, isBad }: TileProps) {
  return (
    <GoCard withBorder padding="sm" {...to} className="tile">
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text size="xl" fw={700} className={isBad && value > 0 ? 'bad' : undefined}>
        {asNumber(value)}
      </Text>
    </GoCard>
  );
}

/** How the open findings are made up. The numbers stand beside: nobody has to tell colours apart. */
function Bars({ of }: { of: { open: number; critical: number; high: number } }) {
  if (of.open === 0) return null;
  const rest = of.open - of.critical - of.high;
  const parts = [
    [text.severity.critical, of.critical, 'red.9'],
    [text.severity.high, of.high, 'orange.8'],
    [text.overview.lesser, rest, 'gray.6'],
  ] as const;
  return (
    <Stack gap={6}>
      <Progress.Root size="lg" aria-hidden="true">
        {parts.map(([name, value, color]) => (
          <Progress.Section key={name} value={(value / of.open) * 100} color={color} />
        ))}
      </Progress.Root>
      <Group gap="md">
        {parts.map(([name, value]) => (
          <Text size="sm" key={name}>
            {name}: {asNumber(value)}
          </Text>
        ))}
      </Group>
    </Stack>
  );
}

function Panel({ title, more, children }: { title: string; more?: ReactNode; children: ReactNode }) {
  return (
    <Card withBorder padding="md" component="section" aria-label={title}>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h5">
          {title}
        </Title>
        {more}
      </Group>
      {children}
    </Card>
  );
}

function Exploited() {
  const read = useRead(['overview', 'kev'], (api) =>
    api.GET('/api/v1/cves', { params: { query: { kev: true, sort: 'kev', limit: ROWS } } }),
  );
  return (
    <Panel
      title={text.overview.exploited}
      more={
        <Go to="/cves" search={{ kev: true, sort: 'kev' }}>
          {text.common.all}
        </Go>
      }
    >
      <ReadView read={read} lines={4}>
        {(data) => <Cves items={data.items} none={text.overview.noExploited} />}
      </ReadView>
    </Panel>
  );
}

function Likely() {
  const read = useRead(['overview', 'epss'], (api) =>
    api.GET('/api/v1/cves', { params: { query: { sort: 'epss', limit: ROWS } } }),
  );
  return (
    <Panel
      title={text.overview.likely}
      more={
        <Go to="/cves" search={{ sort: 'epss' }}>
          {text.common.all}
        </Go>
      }
    >
      <ReadView read={read} lines={4}>
        {(data) => <Cves items={data.items} none={text.overview.noLikely} />}
      </ReadView>
    </Panel>
  );
}

type CveRow = NonNullable<Parameters<typeof Severity>[0]>['of'];

interface CvesProps {
  items: {
    id: string;
    severity: CveRow;
    cvss_score?: number | null;
    kev?: Parameters<typeof KevBadge>[0]['kev'];
    epss?: { score: number } | null;
    hosts: number;
  }[];
  none: string;
}

function Cves({ items, none }: CvesProps) {
  if (items.length === 0) return <Text c="dimmed">{none}</Text>;
  return (
    <Table>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{text.cve.cve}</Table.Th>
          <Table.Th>{text.cve.severity}</Table.Th>
          <Table.Th className="hide-narrow">{text.cve.epss}</Table.Th>
          <Table.Th ta="right">{text.nav.hosts}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {items.map((cve) => (
          <Table.Tr key={cve.id}>
            <Table.Td>
              <Go to="/cves/$cve" params={{ cve: cve.id }}>
                {cve.id}
              </Go>
            </Table.Td>
            <Table.Td>
              <Group gap={4}>
                <Severity of={cve.severity} score={cve.cvss_score} />
                <KevBadge kev={cve.kev} />
              </Group>
            </Table.Td>
            <Table.Td className="hide-narrow">{cve.epss ? asShare(cve.epss.score) : ''}</Table.Td>
            <Table.Td ta="right">{asNumber(cve.hosts)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** The instant before which hosts count as silent; to the hour, so that it is the same for an hour. */
function silentSince(): string {
  const hour = 3_600_000;
  const at = Math.floor(Date.now() / hour) * hour - SILENT_DAYS * 24 * hour;
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

function Silent() {
  const since = silentSince();
  const read = useRead(['overview', 'silent', since], (api) =>
    api.GET('/api/v1/hosts', { params: { query: { silent_since: since, limit: ROWS } } }),
  );
  return (
    <Panel
      title={text.overview.silent(SILENT_DAYS)}
      more={
        <Go to="/hosts" search={{ silent_since: since }}>
          {text.common.all}
        </Go>
      }
    >
      <ReadView read={read} lines={4}>
        {(data) =>
          data.items.length === 0 ? (
            <Text c="dimmed">{text.overview.noSilent}</Text>
          ) : (
            <Stack gap={4}>
              <Text size="sm">{text.table.total(asTotal(data.total), data.total.count)}</Text>
              {data.items.map((host) => (
                <Group key={host.id} justify="space-between">
                  <Go to="/hosts/$host" params={{ host: host.id }}>
                    {host.hostname}
                  </Go>
                  <Text size="sm">
                    <Moment at={host.last_seen_at} />
                  </Text>
                </Group>
              ))}
            </Stack>
          )
        }
      </ReadView>
    </Panel>
  );
}

function Policies() {
  const read = useRead(['overview', 'policies'], (api) => api.GET('/api/v1/policies/summary'));
  return (
    <Panel title={text.nav.policies} more={<Go to="/policies">{text.common.all}</Go>}>
      <ReadView read={read} lines={2}>
        {(data) =>
          data.policies === 0 ? (
            <Text c="dimmed">{text.policy.none}</Text>
          ) : (
            <Text>{text.overview.policies(data.policies, data.failing, data.hosts_failing)}</Text>
          )
        }
      </ReadView>
    </Panel>
  );
}

function Feeds() {
  const read = useRead(['feeds'], (api) => api.GET('/api/v1/feeds'));
  return (
    <Panel title={text.overview.feeds} more={<Go to="/feeds">{text.common.all}</Go>}>
      <ReadView read={read} lines={3}>
        {(data) =>
          data.items.length === 0 ? (
            <Text c="dimmed">{text.feed.none}</Text>
          ) : (
            <Stack gap={4}>
              {data.items.map((feed) => (
                <Group key={feed.source} justify="space-between">
                  <Text size="sm">{feed.source}</Text>
                  <Text size="sm">
                    {feed.error != null ? (
                      <span className="severity severity-high">{text.feed.failing}</span>
                    ) : null}{' '}
                    <Moment at={feed.newest_record_at ?? feed.last_success_at ?? feed.imported_at} />
                  </Text>
                </Group>
              ))}
            </Stack>
          )
        }
      </ReadView>
    </Panel>
  );
}

function Reports() {
  const read = useRead(['pipeline'], (api) => api.GET('/api/v1/pipeline'));
  return (
    <Panel title={text.overview.reports} more={<Go to="/pipeline">{text.common.all}</Go>}>
      <ReadView read={read} lines={2}>
        {(data) => (
          <Stack gap={4}>
            <Text size="sm">
              {text.pipeline.applied}: <Moment at={data.applied_at} />
            </Text>
            <Text size="sm">{text.pipeline.behindCount(data.hosts_behind)}</Text>
            {data.dead_letters > 0 && <Text size="sm">{text.pipeline.deadCount(data.dead_letters)}</Text>}
          </Stack>
        )}
      </ReadView>
    </Panel>
  );
}
