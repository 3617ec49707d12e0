import { Alert, Table, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

import type { Schemas } from '../../api/client';
import { asBytes, asNumber } from '../../format/number';
import { asSpan } from '../../format/time';
import { Moment } from '../../parts/Moment';
import { text } from '../../text/text';

type Node = Schemas['PipelineNode'];

/** Every node with a queue and what it said of it last, whichever of them answers. */
export function Nodes({ nodes }: { nodes: readonly Node[] }) {
  const isWithoutIndex = nodes.some((node) => node.is_alive && node.status && node.status.index == null);
  return (
    <section aria-labelledby="pipeline-nodes">
      <Title order={2} size="h4" mb="xs" id="pipeline-nodes">
        {text.pipeline.nodes}
      </Title>
      {nodes.length === 0 ? (
        <Text c="dimmed">{text.pipeline.noNodes}</Text>
      ) : (
        <Table.ScrollContainer minWidth={760} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table aria-labelledby="pipeline-nodes">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{text.common.name}</Table.Th>
                <Table.Th>{text.pipeline.state}</Table.Th>
                <Table.Th ta="right">{text.pipeline.pace}</Table.Th>
                <Table.Th ta="right">{text.pipeline.deltas}</Table.Th>
                <Table.Th ta="right">{text.pipeline.queuedSnapshots}</Table.Th>
                <Table.Th>{text.pipeline.oldest}</Table.Th>
                <Table.Th>{text.pipeline.bytes}</Table.Th>
                <Table.Th>{text.pipeline.index}</Table.Th>
                <Table.Th>{text.pipeline.release}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {nodes.map((node) => (
                <Row key={node.id} node={node} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {isWithoutIndex && (
        <Alert color="orange" variant="outline" mt="sm">
          {text.pipeline.noIndex}
        </Alert>
      )}
    </section>
  );
}

/** How much of a bound is used; nothing where the bound is not known. */
function shareOf(used: number, most: number) {
  return most > 0 ? used / most : 0;
}

function Row({ node }: { node: Node }) {
  const { status } = node;
  /** What it said of itself; a node of an earlier release says nothing. */
  const said = (of: (status: Schemas['NodeStatus']) => ReactNode) =>
    status == null ? text.common.unknown : of(status);
  return (
    <Table.Tr>
      <Table.Th scope="row" fw={500}>
        {node.name}
      </Table.Th>
      <Table.Td>
        {node.is_alive ? (
          text.pipeline.lives
        ) : (
          <>
            {text.pipeline.gone} <Moment at={node.seen_at} />
          </>
        )}
      </Table.Td>
      <Table.Td ta="right">{said((now) => asNumber(now.reports_per_minute))}</Table.Td>
      <Table.Td ta="right">{said((now) => asNumber(now.queued_deltas))}</Table.Td>
      <Table.Td ta="right">{said((now) => asNumber(now.queued_snapshots))}</Table.Td>
      <Table.Td>
        {said((now) => (now.oldest_ms === 0 ? text.pipeline.nothingWaits : asSpan(now.oldest_ms / 1000)))}
      </Table.Td>
      <Table.Td>
        {said((now) =>
          // Whichever bound is nearer: the queue refuses at the first that it reaches.
          shareOf(now.queue_reports, now.queue_reports_max) > shareOf(now.queue_bytes, now.queue_bytes_max)
            ? text.pipeline.reportsOf(asNumber(now.queue_reports), asNumber(now.queue_reports_max))
            : text.pipeline.bytesOf(asBytes(now.queue_bytes), asBytes(now.queue_bytes_max)),
        )}
      </Table.Td>
      <Table.Td>
        {said((now) =>
          now.index ? (
            <span title={text.pipeline.indexOf(now.index.cves, now.index.rules)}>{now.index.generation}</span>
          ) : (
            text.pipeline.withoutIndex
          ),
        )}
      </Table.Td>
      <Table.Td>{said((now) => now.version)}</Table.Td>
    </Table.Tr>
  );
}
