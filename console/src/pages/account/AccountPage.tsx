import { Alert, Button, Card, Group, PasswordInput, Stack, Table, Text, Title } from '@mantine/core';
import { useForm } from '@mantine/form';

import { useRead, useWrite } from '../../api/read';
import { Confirm } from '../../parts/Confirm';
import { Export } from '../../parts/Export';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { Digest } from './Digest';
import { SecondFactor } from './SecondFactor';

/** What is somebody's own: sessions, password, second factor. */
export function AccountPage() {
  return (
    <>
      <PageHead title={text.nav.own} />
      <Stack gap="lg">
        <Sessions />
        <div className="halves">
          <Password />
          <SecondFactor />
        </div>
        <Digest />
      </Stack>
    </>
  );
}

function Sessions() {
  const read = useRead(['sessions'], (api) => api.GET('/api/v1/sessions'));
  const end = useWrite(
    (api, id: string) => api.DELETE('/api/v1/sessions/{session}', { params: { path: { session: id } } }),
    {
      done: text.account.ended,
    },
  );
  return (
    <Card withBorder component="section" aria-label={text.account.sessions}>
      <Group justify="space-between">
        <Title order={2} size="h4">
          {text.account.sessions}
        </Title>
        <Group gap="xs">
          <ReadAt read={read} />
          <Export path="/api/v1/sessions/export" query={{}} name="sessions" />
        </Group>
      </Group>
      <ReadView read={read}>
        {(data) => (
          <Table.ScrollContainer minWidth={520} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
            <Table>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{text.account.agent}</Table.Th>
                  <Table.Th>{text.audit.address}</Table.Th>
                  <Table.Th>{text.account.used}</Table.Th>
                  <Table.Th>{text.deploy.expires}</Table.Th>
                  <Table.Th>{text.common.actions}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {data.items.map((session) => (
                  <Table.Tr key={session.id}>
                    <Table.Td>
                      <Text size="sm">{session.agent}</Text>
                    </Table.Td>
                    <Table.Td>{session.address}</Table.Td>
                    <Table.Td>
                      <Moment at={session.last_used_at} />
                    </Table.Td>
                    <Table.Td>
                      <Moment at={session.expires_at} />
                    </Table.Td>
                    <Table.Td>
                      {session.is_current ? (
                        text.account.current
                      ) : (
                        <Confirm
                          size="compact-sm"
                          label={text.account.end}
                          of={[session.agent, session.address].filter(Boolean).join(', ')}
                          detail={text.account.endDetail}
                          onConfirm={() => end.mutate(session.id)}
                        />
                      )}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </ReadView>
    </Card>
  );
}

function Password() {
  const form = useForm({ initialValues: { password: '', new_password: '' } });
  const set = useWrite(
    (api, body: { password: string; new_password: string }) => api.PUT('/api/v1/me/password', { body }),
    {
      done: text.account.passwordSet,
      onDone: () => form.reset(),
      quiet: true,
    },
  );
  return (
    <Card withBorder component="section" aria-label={text.account.password}>
      <form
        onSubmit={form.onSubmit((values) =>
          set.mutate(values, { onError: (error) => form.setErrors(error.fields) }),
        )}
      >
        <Stack>
          <Title order={2} size="h4">
            {text.account.password}
          </Title>
          {set.error && Object.keys(set.error.fields).length === 0 && (
            <Alert color="red" variant="outline" role="alert">
              {set.error.message}
            </Alert>
          )}
          <PasswordInput
            label={text.account.present}
            autoComplete="current-password"
            required
            visibilityToggleButtonProps={{ 'aria-label': text.signIn.show }}
            {...form.getInputProps('password')}
          />
          <PasswordInput
            label={text.account.newPassword}
            description={text.invitation.passwordDetail(15)}
            autoComplete="new-password"
            required
            visibilityToggleButtonProps={{ 'aria-label': text.signIn.show }}
            {...form.getInputProps('new_password')}
          />
          <Text size="sm" c="dimmed">
            {text.account.passwordDetail}
          </Text>
          <Button type="submit" loading={set.isPending} className="fit">
            {text.account.setPassword}
          </Button>
        </Stack>
      </form>
    </Card>
  );
}
