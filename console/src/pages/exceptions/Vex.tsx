import { Alert, Button, FileButton, Group, List, Stack, Table, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useRef } from 'react';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { Actor } from '../../parts/Actor';
import { Go } from '../../parts/Go';
import { Export, useSave } from '../../parts/Export';
import { Moment } from '../../parts/Moment';
import { Notice, ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';

/** VEX documents, in and out. */
export function Vex() {
  const { may } = useSession();
  const { save, isRunning } = useSave();
  const read = useRead(['vex'], (api) => api.GET('/api/v1/vex/documents'));
  const bring = useWrite((api, body: Record<string, never>) => api.POST('/api/v1/vex', { body }));

  const forget = useRef<() => void>(null);

  async function pick(file: File | null) {
    if (file === null) return;
    // The browser says nothing when the file that is picked is the one before; it may have been changed since.
    forget.current?.();
    try {
      bring.mutate(JSON.parse(await file.text()) as Record<string, never>);
    } catch {
      notifications.show({ message: text.vex.noJson, color: 'red' });
    }
  }

  return (
    <Stack>
      <Group>
        {may('findings:triage') && (
          <FileButton onChange={(file) => void pick(file)} resetRef={forget} accept="application/json,.json">
            {(props) => (
              <Button {...props} size="xs" loading={bring.isPending}>
                {text.vex.bring}
              </Button>
            )}
          </FileButton>
        )}
        <Group gap={4}>
          <Text size="sm">{text.vex.take}</Text>
          {(['openvex', 'cyclonedx'] as const).map((format) => (
            <Button
              key={format}
              size="xs"
              variant="default"
              loading={isRunning}
              onClick={() => save('/api/v1/vex', { format }, `${format}.json`)}
            >
              {text.vex.formats[format]}
            </Button>
          ))}
        </Group>
        <ReadAt read={read} />
        <Export path="/api/v1/vex/documents/export" query={{}} name="vex-documents" />
      </Group>
      {bring.data && <Imported of={bring.data} />}
      <ReadView read={read}>
        {(data) =>
          data.items.length === 0 ? (
            <Notice title={text.vex.none}>{text.vex.noneDetail}</Notice>
          ) : (
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{text.vex.document}</Table.Th>
                  <Table.Th className="hide-narrow">{text.vex.format}</Table.Th>
                  <Table.Th>{text.vex.imported}</Table.Th>
                  <Table.Th>{text.vex.unknown}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {data.items.map((document) => (
                  <Table.Tr key={document.id}>
                    <Table.Td>
                      <Go to="/exceptions" search={{ document: document.id }}>
                        {document.name} {document.version}
                      </Go>
                    </Table.Td>
                    <Table.Td className="hide-narrow">{document.format}</Table.Td>
                    <Table.Td>
                      <Moment at={document.imported_at} /> ·{' '}
                      <Actor word={document.imported_by} name={document.imported_by_name} />
                    </Table.Td>
                    <Table.Td>{document.unknown.length}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )
        }
      </ReadView>
    </Stack>
  );
}

/** What came of a document that was brought in. */
function Imported({ of }: { of: Schemas['VexImported'] }) {
  return (
    <Alert color="teal" variant="outline" role="status" title={text.vex.done}>
      <Text>{text.vex.came(of.statements, of.exceptions, of.suppressed)}</Text>
      {of.unknown.length > 0 && (
        <>
          <Text size="sm">{text.vex.unknownDetail}</Text>
          <List size="sm">
            {of.unknown.slice(0, 10).map((one) => (
              <List.Item key={one}>{one}</List.Item>
            ))}
          </List>
        </>
      )}
    </Alert>
  );
}
