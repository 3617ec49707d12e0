import { Button, Card, Group, Stack, Table, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';

import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { Confirm } from '../../parts/Confirm';
import { Export } from '../../parts/Export';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { Searched, ShortTotal } from '../../parts/Short';
import { NoPermission, ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { Invited } from '../settings/Invited';

/** Who runs the collector for all companies. */
export function OperatorsPage() {
  const { may } = useSession();
  return may('operators:manage') ? (
    <Operators />
  ) : (
    <>
      <PageHead title={text.nav.operators} />
      <NoPermission />
    </>
  );
}

function Operators() {
  const { me } = useSession();
  const read = useRead(['operators'], (api) => api.GET('/api/v1/operator/users'));
  const remove = useWrite(
    (api, id: string) => api.DELETE('/api/v1/operator/users/{user}', { params: { path: { user: id } } }),
    {
      done: text.settings.removed,
    },
  );
  const form = useForm({ initialValues: { email: '' } });
  const invite = useWrite(
    (api, body: { email: string }) => api.POST('/api/v1/operator/invitations', { body }),
    {
      onDone: () => form.reset(),
    },
  );
  return (
    <>
      <PageHead title={text.nav.operators} lead={text.operator.lead}>
        <ShortTotal of={read.data} />
        <ReadAt read={read} />
        <Export path="/api/v1/operator/users/export" query={{}} name="operators" />
      </PageHead>
      <Stack gap="lg">
        <ReadView read={read}>
          {(data) => (
            <Searched
              items={data.items}
              of={(user) => `${user.email} ${user.name}`}
              label={text.settings.find}
            >
              {(users) => (
                <Table>
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>{text.signIn.email}</Table.Th>
                      <Table.Th className="hide-narrow">{text.settings.second}</Table.Th>
                      <Table.Th className="hide-narrow">{text.common.created}</Table.Th>
                      <Table.Th>{text.common.actions}</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {users.map((user) => (
                      <Table.Tr key={user.id}>
                        <Table.Td>
                          {user.email}
                          <Text size="sm" c="dimmed">
                            {user.name}
                          </Text>
                        </Table.Td>
                        <Table.Td className="hide-narrow">
                          {user.has_second_factor ? text.common.yes : text.common.no}
                        </Table.Td>
                        <Table.Td className="hide-narrow">
                          <Moment at={user.created_at} as="day" />
                        </Table.Td>
                        <Table.Td>
                          {user.id !== me.id && (
                            <Confirm
                              size="compact-sm"
                              label={text.common.remove}
                              of={user.email}
                              detail={text.operator.removeDetail(user.email)}
                              onConfirm={() => remove.mutate(user.id)}
                            />
                          )}
                        </Table.Td>
                      </Table.Tr>
                    ))}
                  </Table.Tbody>
                </Table>
              )}
            </Searched>
          )}
        </ReadView>
        <Card withBorder component="section" aria-label={text.settings.invite}>
          <form
            onSubmit={form.onSubmit((values) =>
              invite.mutate(values, { onError: (error) => form.setErrors(error.fields) }),
            )}
          >
            <Group align="flex-end">
              <TextInput
                label={text.signIn.email}
                type="email"
                required
                autoComplete="off"
                {...form.getInputProps('email')}
              />
              <Button type="submit" loading={invite.isPending}>
                {text.operator.invite}
              </Button>
            </Group>
          </form>
          {invite.data && <Invited invitation={invite.data} />}
        </Card>
      </Stack>
    </>
  );
}
