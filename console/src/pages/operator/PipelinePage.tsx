import { Stack, Table, Title } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { type Read, useRead } from '../../api/read';
import { useSession } from '../../api/session';
import { asNumber } from '../../format/number';
import { Go } from '../../parts/Go';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { Nodes } from './Nodes';

const EVERY_MS = 5_000;
/** The site's is asked of every company: less often. */
const SITE_EVERY_MS = 60_000;

/** How reports get on: the company's, and for operators all companies' and the nodes' queues. */
export function PipelinePage() {
  const { may, company } = useSession();
  const read = useRead(['pipeline'], (api) => api.GET('/api/v1/pipeline'), {
    every: EVERY_MS,
    enabled: company !== undefined,
  });
  const isSite = may('nodes:read');
  const site = useRead(['node-pipeline'], (api) => api.GET('/api/v1/operator/pipeline'), {
    every: SITE_EVERY_MS,
    enabled: isSite,
  });
  return (
    <>
      <PageHead title={text.nav.pipeline} lead={text.pipeline.lead}>
        <ReadAt read={[...(company === undefined ? [] : [read]), ...(isSite ? [site] : [])]} />
      </PageHead>
      <Stack gap="xl">
        {company !== undefined && <ReadView read={read}>{(data) => <Own of={data} />}</ReadView>}
        {isSite && <Site read={site} />}
      </Stack>
    </>
  );
}

function Own({ of }: { of: Schemas['Pipeline'] }) {
  const { may } = useSession();
  return (
    <Facts
      of={[
        [text.pipeline.reports, asNumber(of.reports)],
        [text.pipeline.records, asNumber(of.records)],
        [text.pipeline.applied, <Moment key="a" at={of.applied_at} />],
        [text.pipeline.behind, asNumber(of.hosts_behind)],
        [
          text.pipeline.behindSince,
          of.behind_since == null ? undefined : <Moment key="b" at={of.behind_since} />,
        ],
        [text.pipeline.snapshots, asNumber(of.snapshots_asked)],
        [
          text.nav.deadLetters,
          may('dead_letters:manage') ? (
            <Go key="d" to="/dead-letters">
              {asNumber(of.dead_letters)}
            </Go>
          ) : (
            asNumber(of.dead_letters)
          ),
        ],
      ]}
    />
  );
}

function Site({ read }: { read: Read<Schemas['NodePipelines']> }) {
  const { me } = useSession();
  const companies = useRead(['companies', 'names', me.id], (api) =>
    api.GET('/api/v1/companies', { params: { query: { limit: 1000 } } }),
  );
  const names = new Map(companies.data?.items.map((one) => [one.id, one.name]));
  return (
    <ReadView read={read}>
      {({ nodes, companies: all }) => (
        <Stack gap="lg">
          <Nodes nodes={nodes} />
          <section>
            <Title order={2} size="h4" mb="xs">
              {text.nav.companies}
            </Title>
            <Table.ScrollContainer minWidth={480} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{text.common.name}</Table.Th>
                    <Table.Th ta="right">{text.pipeline.reports}</Table.Th>
                    <Table.Th>{text.pipeline.applied}</Table.Th>
                    <Table.Th ta="right">{text.pipeline.behind}</Table.Th>
                    <Table.Th ta="right">{text.nav.deadLetters}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {all.map((one) => (
                    <Table.Tr key={one.company}>
                      <Table.Td>{names.get(one.company) ?? one.company}</Table.Td>
                      <Table.Td ta="right">{asNumber(one.reports)}</Table.Td>
                      <Table.Td>
                        <Moment at={one.applied_at} />
                      </Table.Td>
                      <Table.Td ta="right">{asNumber(one.hosts_behind)}</Table.Td>
                      <Table.Td ta="right">
                        {one.dead_letters > 0 ? (
                          <Go to="/dead-letters" search={{ company: one.company }}>
                            {asNumber(one.dead_letters)}
                            <span className="visually-hidden">
                              {text.pipeline.deadOf(names.get(one.company) ?? one.company)}
                            </span>
                          </Go>
                        ) : (
                          asNumber(0)
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          </section>
        </Stack>
      )}
    </ReadView>
  );
}
