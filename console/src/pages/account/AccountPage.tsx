import {
  Alert,
  Button,
  Card,
  Group,
  PasswordInput,
  Stack,
  Table,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { useState } from 'react';

import { useRead, useWrite } from '../../api/read';
import { Confirm } from '../../parts/Confirm';
import { CopyBox } from '../../parts/CopyBox';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { Digest } from './Digest';

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
        <ReadAt read={read} />
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

/** A second factor: begun with the password, and counted once it was confirmed with a code. */
function SecondFactor() {
  const [codes, setCodes] = useState<string[]>();
  const form = useForm({ initialValues: { password: '', code: '' } });
  const begin = useWrite((api, password: string) => api.POST('/api/v1/me/totp', { body: { password } }), {
    quiet: true,
  });
  const confirm = useWrite((api, code: string) => api.POST('/api/v1/me/totp/confirm', { body: { code } }), {
    onDone: (answer) => {
      setCodes(answer.recovery_codes);
      form.reset();
      begin.reset();
    },
    quiet: true,
  });
  const remove = useWrite(
    (api, password: string) => api.POST('/api/v1/me/totp/remove', { body: { password } }),
    {
      done: text.account.removed,
      onDone: () => {
        setCodes(undefined);
        form.reset();
      },
      quiet: true,
    },
  );
  const error = confirm.error ?? begin.error ?? remove.error;
  const failed = { onError: (problem: { fields: Record<string, string> }) => form.setErrors(problem.fields) };
  return (
    <Card withBorder component="section" aria-label={text.account.second}>
      <Stack>
        <Title order={2} size="h4">
          {text.account.second}
        </Title>
        {error && Object.keys(error.fields).length === 0 && (
          <Alert color="red" variant="outline" role="alert">
            {error.message}
          </Alert>
        )}
        {codes && (
          <Alert color="teal" variant="outline" role="status" title={text.account.confirmed}>
            <CopyBox label={text.account.recovery} value={codes.join('\n')} />
          </Alert>
        )}
        {begin.data ? (
          <form onSubmit={form.onSubmit(({ code }) => confirm.mutate(code, failed))}>
            <Stack>
              <Text>{text.account.scan}</Text>
              <CopyBox label={text.account.secret} value={begin.data.secret} />
              <CopyBox label={text.account.otpauth} value={begin.data.address} />
              <TextInput
                label={text.signIn.code}
                autoComplete="one-time-code"
                required
                {...form.getInputProps('code')}
              />
              <Button type="submit" loading={confirm.isPending} className="fit">
                {text.account.confirm}
              </Button>
            </Stack>
          </form>
        ) : (
          <form onSubmit={form.onSubmit(({ password }) => begin.mutate(password, failed))}>
            <Stack>
              <Text size="sm" c="dimmed">
                {text.account.secondDetail}
              </Text>
              <PasswordInput
                label={text.account.present}
                autoComplete="current-password"
                required
                visibilityToggleButtonProps={{ 'aria-label': text.signIn.show }}
                {...form.getInputProps('password')}
              />
              <Group>
                <Button type="submit" loading={begin.isPending}>
                  {text.account.begin}
                </Button>
                <Button
                  variant="default"
                  loading={remove.isPending}
                  disabled={form.values.password === ''}
                  onClick={() => remove.mutate(form.values.password, failed)}
                >
                  {text.account.remove}
                </Button>
              </Group>
            </Stack>
          </form>
        )}
      </Stack>
    </Card>
  );
}
