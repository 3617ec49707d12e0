import { Button, Card, Group, NativeSelect, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { Confirm } from '../../parts/Confirm';
import { Export } from '../../parts/Export';
import { Moment } from '../../parts/Moment';
import { Searched, ShortTotal } from '../../parts/Short';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { Invited } from './Invited';

/** What somebody may be in a company, the least first. */
const ROLES = ['viewer', 'analyst', 'admin'] as const;
const ROLE_NAMES = ROLES.map((role) => ({ value: role, label: text.role[role] }));

/** Who works in the company, and who is invited to. */
export function People() {
  return (
    <Stack gap="xl">
      <Members />
      <Invite />
      <Open />
    </Stack>
  );
}

function Members() {
  const { me } = useSession();
  const read = useRead(['users'], (api) => api.GET('/api/v1/users'));
  const change = useWrite(
    (api, { id, role }: { id: string; role: Schemas['Role'] }) =>
      // Whatever it was meanwhile, this is what it is to be.
      api.PATCH('/api/v1/users/{user}', {
        params: { path: { user: id }, header: { 'If-Match': '*' } },
        body: { role },
      }),
    { done: text.settings.roleChanged },
  );
  const remove = useWrite(
    (api, id: string) => api.DELETE('/api/v1/users/{user}', { params: { path: { user: id } } }),
    {
      done: text.settings.removed,
    },
  );
  return (
    <section>
      <Group justify="space-between">
        <Title order={2} size="h4">
          {text.settings.people}
        </Title>
        <Group gap="xs">
          <ShortTotal of={read.data} />
          <ReadAt read={read} />
          <Export path="/api/v1/users/export" query={{}} name="people" />
        </Group>
      </Group>
      <ReadView read={read}>
        {(data) =>
          data.items.length === 0 ? (
            <Text c="dimmed">{text.settings.nobody}</Text>
          ) : (
            <Searched
              items={data.items}
              of={(user) => `${user.email} ${user.name}`}
              label={text.settings.find}
            >
              {(users) => (
                <Table.ScrollContainer minWidth={520} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
                  <Table>
                    <Table.Thead>
                      <Table.Tr>
                        <Table.Th>{text.signIn.email}</Table.Th>
                        <Table.Th>{text.settings.role}</Table.Th>
                        <Table.Th>{text.settings.second}</Table.Th>
                        <Table.Th>{text.common.created}</Table.Th>
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
                          <Table.Td>
                            <NativeSelect
                              size="xs"
                              className="role"
                              aria-label={text.settings.roleOf(user.email)}
                              data={ROLE_NAMES}
                              value={user.role}
                              disabled={user.id === me.id}
                              onChange={(event) =>
                                change.mutate({
                                  id: user.id,
                                  role: event.currentTarget.value as Schemas['Role'],
                                })
                              }
                            />
                          </Table.Td>
                          <Table.Td>{user.has_second_factor ? text.common.yes : text.common.no}</Table.Td>
                          <Table.Td>
                            <Moment at={user.created_at} as="day" />
                          </Table.Td>
                          <Table.Td>
                            {user.id !== me.id && (
                              <Confirm
                                size="compact-sm"
                                label={text.common.remove}
                                of={user.email}
                                detail={text.settings.removeDetail(user.email)}
                                onConfirm={() => remove.mutate(user.id)}
                              />
                            )}
                          </Table.Td>
                        </Table.Tr>
                      ))}
                    </Table.Tbody>
                  </Table>
                </Table.ScrollContainer>
              )}
            </Searched>
          )
        }
      </ReadView>
    </section>
  );
}

function Invite() {
  const form = useForm<{ email: string; role: Schemas['Role'] }>({
    initialValues: { email: '', role: 'viewer' },
  });
  const invite = useWrite(
    (api, body: Schemas['NewInvitation']) => api.POST('/api/v1/invitations', { body }),
    {
      onDone: () => form.reset(),
    },
  );
  return (
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
          <NativeSelect label={text.settings.role} data={ROLE_NAMES} {...form.getInputProps('role')} />
          <Button type="submit" loading={invite.isPending}>
            {text.settings.invite}
          </Button>
        </Group>
        <Text size="sm" c="dimmed" mt="xs">
          {text.settings.roles}
        </Text>
      </form>
      {invite.data && <Invited invitation={invite.data} />}
    </Card>
  );
}

function Open() {
  const read = useRead(['invitations'], (api) => api.GET('/api/v1/invitations'));
  const revoke = useWrite(
    (api, id: string) =>
      api.DELETE('/api/v1/invitations/{invitation}', { params: { path: { invitation: id } } }),
    {
      done: text.settings.taken,
    },
  );
  return (
    <section>
      <Group justify="space-between">
        <Title order={2} size="h4">
          {text.settings.invitations}
        </Title>
        <Group gap="xs">
          <ShortTotal of={read.data} />
          <ReadAt read={read} />
          <Export path="/api/v1/invitations/export" query={{}} name="invitations" />
        </Group>
      </Group>
      <ReadView read={read} lines={2}>
        {(data) =>
          data.items.length === 0 ? (
            <Text c="dimmed">{text.settings.noInvitations}</Text>
          ) : (
            <Searched items={data.items} of={(one) => one.email} label={text.settings.findInvited}>
              {(invitations) => (
                <Stack gap="xs" mt="xs">
                  {invitations.map((one) => (
                    <Group key={one.id}>
                      <Text>{one.email}</Text>
                      <Text size="sm">{text.role[one.role]}</Text>
                      <Text size="sm" c="dimmed">
                        {text.settings.goodUntil} <Moment at={one.expires_at} as="instant" />
                      </Text>
                      <Confirm
                        size="compact-sm"
                        label={text.settings.takeBack}
                        of={one.email}
                        detail={text.settings.takeBackDetail(one.email)}
                        onConfirm={() => revoke.mutate(one.id)}
                      />
                    </Group>
                  ))}
                </Stack>
              )}
            </Searched>
          )
        }
      </ReadView>
    </section>
  );
}
