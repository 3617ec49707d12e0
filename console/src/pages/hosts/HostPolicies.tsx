import { Group, Table } from '@mantine/core';

import { useRead } from '../../api/read';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { Notice, ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { PolicyState, Reason } from '../policies/Outcome';

/** What policies come to for a host, and why. */
export function HostPolicies({ id, hostname }: { id: string; hostname: string }) {
  const read = useRead(['host', id, 'policies'], (api) =>
    api.GET('/api/v1/hosts/{host}/policies', { params: { path: { host: id } } }),
  );
  return (
    <>
      <Group justify="space-between" mb="xs">
        <ReadAt read={read} />
        <Export path={`/api/v1/hosts/${id}/policies/export`} query={{}} name={`policies-of-${hostname}`} />
      </Group>
      <ReadView read={read}>
        {(data) =>
          data.items.length === 0 ? (
            <Notice title={text.policy.none} />
          ) : (
            <Table.ScrollContainer minWidth={460} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
              <Table>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{text.policy.policy}</Table.Th>
                    <Table.Th>{text.policy.outcome}</Table.Th>
                    <Table.Th>{text.policy.reason}</Table.Th>
                    <Table.Th>{text.policy.since}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {data.items.map((one) => (
                    <Table.Tr key={one.policy}>
                      <Table.Td>
                        <Go to="/policies/$policy" params={{ policy: one.policy }}>
                          {one.name}
                        </Go>
                      </Table.Td>
                      <Table.Td>
                        <PolicyState state={one.state} />
                      </Table.Td>
                      <Table.Td>
                        <Reason of={one.reason} />
                      </Table.Td>
                      <Table.Td>
                        <Moment at={one.since} />
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )
        }
      </ReadView>
    </>
  );
}
