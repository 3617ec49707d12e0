import { Table, Text } from '@mantine/core';

import { useRead } from '../../api/read';
import { asNumber } from '../../format/number';
import { Export } from '../../parts/Export';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { Notice, ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';

/** Where the knowledge of vulnerabilities comes from, and how old it is. */
export function FeedsPage() {
  const read = useRead(['feeds'], (api) => api.GET('/api/v1/feeds'));
  return (
    <>
      <PageHead title={text.nav.feeds} lead={text.feed.lead}>
        <ReadAt read={read} />
        <Export path="/api/v1/feeds/export" query={{}} name="feeds" />
      </PageHead>
      <ReadView read={read}>
        {(data) =>
          data.items.length === 0 ? (
            <Notice title={text.feed.none}>{text.feed.noneDetail}</Notice>
          ) : (
            <Table.ScrollContainer minWidth={640} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{text.feed.source}</Table.Th>
                    <Table.Th>{text.feed.newest}</Table.Th>
                    <Table.Th>{text.feed.success}</Table.Th>
                    <Table.Th ta="right">{text.feed.records}</Table.Th>
                    <Table.Th ta="right">{text.feed.skipped}</Table.Th>
                    <Table.Th>{text.feed.next}</Table.Th>
                    <Table.Th>{text.feed.error}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {data.items.map((feed) => (
                    <Table.Tr key={feed.source}>
                      <Table.Td>{feed.source}</Table.Td>
                      <Table.Td>
                        <Moment at={feed.newest_record_at} never={text.common.unknown} />
                      </Table.Td>
                      <Table.Td>
                        <Moment at={feed.last_success_at ?? feed.imported_at} />
                      </Table.Td>
                      <Table.Td ta="right">{asNumber(feed.records)}</Table.Td>
                      <Table.Td ta="right">{asNumber(feed.skipped)}</Table.Td>
                      <Table.Td>
                        <Moment at={feed.next_sync_at} never={text.feed.byHand} />
                      </Table.Td>
                      <Table.Td>
                        {feed.error != null && (
                          <>
                            <span className="severity severity-high">
                              {text.feed.failures(feed.failures)}
                            </span>
                            <Text size="sm">{feed.error}</Text>
                          </>
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </ReadView>
      <Text size="sm" c="dimmed" mt="md">
        {text.feed.nvd}
      </Text>
    </>
  );
}
