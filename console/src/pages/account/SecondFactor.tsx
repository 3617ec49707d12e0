import { Alert, Button, Card, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';

import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { CopyBox } from '../../parts/CopyBox';
import { useFocusKept } from '../../parts/focus';
import { QrCode } from '../../parts/QrCode';
import { text } from '../../text/text';

/** A second factor: whether there is one, and a way to set it up or to take it away. */
export function SecondFactor() {
  const { me } = useSession();
  const queries = useQueryClient();
  const [codes, setCodes] = useState<string[]>();
  const form = useForm({ initialValues: { password: '', code: '' } });
  const isOn = me.account?.second_factor === true;
  const hasPassword = me.account?.password !== false;
  /** Who is signed in says whether there is one. */
  const ask = () => void queries.invalidateQueries({ queryKey: ['me'] });
  const begin = useWrite((api, password: string) => api.POST('/api/v1/me/totp', { body: { password } }), {
    quiet: true,
  });
  const confirm = useWrite((api, code: string) => api.POST('/api/v1/me/totp/confirm', { body: { code } }), {
    onDone: (answer) => {
      setCodes(answer.recovery_codes);
      form.reset();
      begin.reset();
      ask();
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
        ask();
      },
      quiet: true,
    },
  );
  // One form comes in the place of another, and what was pressed goes with it.
  const title = useFocusKept<HTMLHeadingElement>(
    [isOn, begin.data !== undefined, codes !== undefined].join(),
  );
  const error = confirm.error ?? begin.error ?? remove.error;
  const failed = { onError: (problem: { fields: Record<string, string> }) => form.setErrors(problem.fields) };
  return (
    <Card withBorder component="section" aria-label={text.account.second}>
      <Stack>
        <Title order={2} size="h4" ref={title} tabIndex={-1}>
          {text.account.second}
        </Title>
        {error && Object.keys(error.fields).length === 0 && (
          <Alert color="red" variant="outline" role="alert">
            {error.message}
          </Alert>
        )}
        {/* It is there from the beginning, so that what comes into it is read out. */}
        <div role="status">
          {codes && (
            <Alert color="teal" variant="outline" role="group" title={text.account.confirmed} mb="md">
              <CopyBox label={text.account.recovery} value={codes.join('\n')} />
            </Alert>
          )}
          <Text>
            {isOn ? text.account.secondOn(me.account?.recovery_codes ?? 0) : text.account.secondOff}
          </Text>
        </div>
        {!hasPassword ? (
          <Text size="sm" c="dimmed">
            {text.account.byProvider}
          </Text>
        ) : begin.data && !isOn ? (
          <form onSubmit={form.onSubmit(({ code }) => confirm.mutate(code, failed))}>
            <Stack>
              <Text>{text.account.scan}</Text>
              <QrCode label={text.account.qr} value={begin.data.address} />
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
          <form onSubmit={form.onSubmit(({ password }) => (isOn ? remove : begin).mutate(password, failed))}>
            <Stack>
              <Text size="sm" c="dimmed">
                {isOn ? text.account.removeDetail : text.account.secondDetail}
              </Text>
              <PasswordInput
                label={text.account.present}
                autoComplete="current-password"
                required
                visibilityToggleButtonProps={{ 'aria-label': text.signIn.show }}
                {...form.getInputProps('password')}
              />
              {isOn ? (
                <Button type="submit" variant="default" loading={remove.isPending} className="fit">
                  {text.account.remove}
                </Button>
              ) : (
                <Button type="submit" loading={begin.isPending} className="fit">
                  {text.account.begin}
                </Button>
              )}
            </Stack>
          </form>
        )}
      </Stack>
    </Card>
  );
}
