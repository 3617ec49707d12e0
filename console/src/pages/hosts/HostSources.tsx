import { Table, Text } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { asNumber } from '../../format/number';
import { Moment } from '../../parts/Moment';
import { Notice } from '../../parts/States';
import { text } from '../../text/text';

/** How the last scan of each source went. */
export function HostSources({ host }: { host: Schemas['HostDetail'] }) {
  if (host.sources.length === 0)
    return <Notice title={text.host.noSources}>{text.host.noSourcesDetail}</Notice>;
  return (
    <>
      <Text size="sm" mb="xs">
        {text.host.sourcesAt} <Moment at={host.sources_at} as="instant" />
      </Text>
      <Table.ScrollContainer minWidth={460} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{text.software.source}</Table.Th>
              <Table.Th>{text.host.state}</Table.Th>
              <Table.Th ta="right">{text.host.records}</Table.Th>
              <Table.Th ta="right">{text.host.took}</Table.Th>
              <Table.Th>{text.host.why}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {host.sources.map((source) => {
              const isBad = !['ok', 'absent'].includes(source.state);
              const state = source.state as keyof typeof text.host.sourceStates;
              return (
                <Table.Tr key={source.source}>
                  <Table.Td>{text.source(source.source)}</Table.Td>
                  <Table.Td>
                    <span className={isBad ? 'severity severity-high' : undefined}>
                      {text.host.sourceStates[state] ?? state}
                    </span>
                  </Table.Td>
                  <Table.Td ta="right">{asNumber(source.records)}</Table.Td>
                  <Table.Td ta="right">{asNumber(source.took_ms)} ms</Table.Td>
                  <Table.Td>{source.reason}</Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}
