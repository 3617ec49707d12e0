import { Card, Group, Stack, Table, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

import type { Schemas } from '../../api/client';
import { asNumber, asShare, asTotal } from '../../format/number';
import { asDay } from '../../format/time';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { useNow } from '../../parts/now';
import { KevBadge, Severity } from '../../parts/Severity';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { daysOld } from './age';
import { type Overview, SILENT_DAYS } from './reads';

interface PanelProps {
  title: string;
  more?: ReactNode;
  children: ReactNode;
}

function Panel({ title, more, children }: PanelProps) {
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

/** What is exploited and on hosts, what was added to the catalogue last first. */
export function Exploited({ read }: { read: Overview['exploited'] }) {
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
        {(data) => (
          <Cves
            items={data.items}
            none={text.overview.noExploited}
            header={text.cve.exploitedSince}
            cell={(cve) => (cve.kev == null ? '' : <span className="unbroken">{asDay(cve.kev.added)}</span>)}
          />
        )}
      </ReadView>
    </Panel>
  );
}

/** What is likely to be exploited within the month, and on hosts. */
export function Likely({ read }: { read: Overview['likely'] }) {
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
        {(data) => (
          <Cves
            items={data.items}
            none={text.overview.noLikely}
            header={text.cve.epss}
            cell={(cve) => (cve.epss ? asShare(cve.epss.score) : '')}
          />
        )}
      </ReadView>
    </Panel>
  );
}

type Cve = Schemas['CveItem'];

interface CvesProps {
  items: Cve[];
  none: string;
  /** What the panel is about, which stands beside the severity. */
  header: string;
  cell: (cve: Cve) => ReactNode;
}

function Cves({ items, none, header, cell }: CvesProps) {
  if (items.length === 0) return <Text c="dimmed">{none}</Text>;
  return (
    <Table>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{text.cve.cve}</Table.Th>
          <Table.Th>{text.cve.severity}</Table.Th>
          <Table.Th>{header}</Table.Th>
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
            <Table.Td>{cell(cve)}</Table.Td>
            <Table.Td ta="right">{asNumber(cve.hosts)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** Hosts that nothing was heard of for days, the longest silent first. */
export function Silent({ read, since }: { read: Overview['silent']; since: string }) {
  return (
    <Panel
      title={text.overview.silent(SILENT_DAYS)}
      more={
        <Go to="/hosts" search={{ silent_since: since, sort: 'silent' }}>
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

/** How many policies fail. */
export function Policies({ read }: { read: Overview['policies'] }) {
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

/** How old the newest of each feed is, and which cannot be fetched, or were not brought in for a day. */
export function Feeds({ read }: { read: Overview['feeds'] }) {
  const now = useNow();
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
                    {daysOld(feed, now) > 0 && (
                      <span className="severity severity-medium">{text.feed.old(daysOld(feed, now))}</span>
                    )}{' '}
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

/** How reports get on. */
export function Reports({ read }: { read: Overview['pipeline'] }) {
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
