import {
  Alert,
  Button,
  Card,
  Chip,
  Group,
  NativeSelect,
  NumberInput,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useForm } from '@mantine/form';

import type { Schemas } from '../../api/client';
import { type Permission, permissionsOf } from '../../api/permission';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { Actor } from '../../parts/Actor';
import { Confirm } from '../../parts/Confirm';
import { CopyBox } from '../../parts/CopyBox';
import { Export } from '../../parts/Export';
import { Moment } from '../../parts/Moment';
import { ShortTotal } from '../../parts/Short';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';

const ROLES = ['viewer', 'analyst', 'admin'] as const;
const DAY_S = 86_400;

interface Values {
  name: string;
  role: Schemas['Role'];
  scopes: Permission[];
  days: number | '';
}

/** What programs show to be let in. */
export function ApiKeys() {
  const read = useRead(['api-keys'], (api) => api.GET('/api/v1/api-keys'));
  const revoke = useWrite(
    (api, id: string) => api.DELETE('/api/v1/api-keys/{key}', { params: { path: { key: id } } }),
    {
      done: text.keys.revoked,
    },
  );
  return (
    <Stack gap="lg">
      <NewKey />
      <section>
        <Group justify="space-between">
          <Title order={2} size="h4">
            {text.settings.tabs.keys}
          </Title>
          <Group gap="xs">
            <ShortTotal of={read.data} />
            <ReadAt read={read} />
            <Export path="/api/v1/api-keys/export" query={{}} name="api-keys" />
          </Group>
        </Group>
        <ReadView read={read}>
          {(data) =>
            data.items.length === 0 ? (
              <Text c="dimmed">{text.keys.none}</Text>
            ) : (
              <Table.ScrollContainer minWidth={660} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>{text.common.name}</Table.Th>
                      <Table.Th>{text.settings.role}</Table.Th>
                      <Table.Th>{text.keys.scopes}</Table.Th>
                      <Table.Th>{text.keys.by}</Table.Th>
                      <Table.Th>{text.keys.used}</Table.Th>
                      <Table.Th>{text.deploy.expires}</Table.Th>
                      <Table.Th>{text.common.actions}</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {data.items.map((key) => (
                      <Table.Tr key={key.id}>
                        <Table.Td>{key.name}</Table.Td>
                        <Table.Td>{text.role[key.role]}</Table.Td>
                        <Table.Td>{key.scopes == null ? text.keys.all : key.scopes.join(', ')}</Table.Td>
                        <Table.Td>
                          {key.created_by == null ? (
                            text.keys.commandLine
                          ) : (
                            <Actor word={key.created_by} name={key.created_by_name} />
                          )}
                        </Table.Td>
                        <Table.Td>
                          <Moment at={key.last_used_at} />
                        </Table.Td>
                        <Table.Td>
                          <Moment at={key.expires_at} />
                        </Table.Td>
                        <Table.Td>
                          {key.revoked_at != null ? (
                            text.host.revoked
                          ) : (
                            <Confirm
                              size="compact-sm"
                              label={text.common.revoke}
                              of={key.name}
                              detail={text.keys.revokeDetail(key.name)}
                              onConfirm={() => revoke.mutate(key.id)}
                            />
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
      </section>
    </Stack>
  );
}

function NewKey() {
  const { me, company } = useSession();
  const form = useForm<Values>({ initialValues: { name: '', role: 'viewer', scopes: [], days: 365 } });
  const create = useWrite((api, body: Schemas['NewApiKey']) => api.POST('/api/v1/api-keys', { body }), {
    onDone: () => form.reset(),
  });
  const own = me.companies.find((one) => one.company === company)?.permissions;
  /** What a key of a role may be given by who makes it. */
  const offered = (role: Schemas['Role']) =>
    permissionsOf(role).filter((one) => own === undefined || own.includes(one));
  return (
    <Card withBorder component="section" aria-label={text.keys.create}>
      <form
        onSubmit={form.onSubmit(({ name, role, scopes, days }) =>
          create.mutate(
            {
              name,
              role,
              scopes: scopes.length === 0 ? undefined : scopes,
              expires_after_s: days === '' ? undefined : days * DAY_S,
            },
            { onError: (error) => form.setErrors(error.fields) },
          ),
        )}
      >
        <Stack>
          <Group align="flex-end">
            <TextInput label={text.keys.name} required autoComplete="off" {...form.getInputProps('name')} />
            <NativeSelect
              label={text.settings.role}
              data={ROLES.map((role) => ({ value: role, label: text.role[role] }))}
              {...form.getInputProps('role')}
              onChange={(event) => {
                const role = event.currentTarget.value as Schemas['Role'];
                // What the new role cannot have is not asked for unseen.
                const scopes = form.values.scopes.filter((one) => offered(role).includes(one));
                form.setValues({ role, scopes });
              }}
            />
            <NumberInput label={text.deploy.days} min={1} max={3650} {...form.getInputProps('days')} />
          </Group>
          <div role="group" aria-label={text.keys.scopes}>
            <Text size="sm" mb={4}>
              {text.keys.scopesDetail}
            </Text>
            <Chip.Group
              multiple
              value={form.values.scopes}
              onChange={(scopes) => form.setFieldValue('scopes', scopes as Permission[])}
            >
              <Group gap={6}>
                {offered(form.values.role).map((one) => (
                  <Chip key={one} value={one} size="xs" variant="outline">
                    {one}
                  </Chip>
                ))}
              </Group>
            </Chip.Group>
            {form.errors.scopes !== undefined && (
              <Text size="sm" className="bad">
                {form.errors.scopes}
              </Text>
            )}
          </div>
          <Button type="submit" loading={create.isPending} className="fit">
            {text.keys.create}
          </Button>
        </Stack>
      </form>
      {create.data?.key != null && (
        <Alert color="teal" variant="outline" mt="md" role="status" title={text.keys.once}>
          <CopyBox label={create.data.name} value={create.data.key} />
        </Alert>
      )}
    </Card>
  );
}
