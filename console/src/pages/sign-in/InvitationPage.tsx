import { Alert, Button, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { useLocation } from '@tanstack/react-router';
import { useEffect } from 'react';

import { connect } from '../../api/client';
import { type ApiError, unwrap } from '../../api/problem';
import { Go } from '../../parts/Go';
import { text } from '../../text/text';

interface Acceptance {
  token: string;
  name: string;
  password: string;
  code: string;
}

const PASSWORD_CHARS_MIN = 15;

/**
 * Where somebody accepts an invitation. The invitation stands behind the `#` of the address: no server and no
 * proxy gets to see it there.
 */
export function InvitationPage() {
  const { hash } = useLocation();
  const form = useForm<Acceptance>({ initialValues: { token: hash, name: '', password: '', code: '' } });
  useEffect(() => {
    document.title = `${text.invitation.title} · ${text.product}`;
  }, []);

  const accept = useMutation<unknown, ApiError, Acceptance>({
    mutationFn: ({ token, name, password, code }) =>
      unwrap(
        connect(undefined).POST('/api/v1/invitations/accept', {
          body: {
            token: token.trim(),
            name: name.trim() || undefined,
            password,
            code: code.trim() || undefined,
          },
        }),
      ),
    onError: (error) => form.setErrors(error.fields),
  });
  const isSecond = accept.error?.kind === 'second-factor-missing' || form.values.code !== '';
  const isOther =
    accept.error &&
    accept.error.kind !== 'second-factor-missing' &&
    Object.keys(accept.error.fields).length === 0;

  if (accept.isSuccess) {
    return (
      <main className="narrow-page">
        <Title order={1} size="h2" mb="sm">
          {text.invitation.done}
        </Title>
        <Go to="/sign-in">{text.signIn.title}</Go>
      </main>
    );
  }
  return (
    <main className="narrow-page">
      <Title order={1} size="h2" mb="xs">
        {text.invitation.title}
      </Title>
      <Text c="dimmed" mb="lg">
        {text.invitation.lead}
      </Text>
      <form onSubmit={form.onSubmit((values) => accept.mutate(values))}>
        <Stack>
          {isOther && (
            <Alert color="red" variant="outline" role="alert">
              {accept.error.message}
            </Alert>
          )}
          <TextInput
            label={text.invitation.token}
            required
            autoComplete="off"
            {...form.getInputProps('token')}
          />
          <TextInput label={text.invitation.name} autoComplete="name" {...form.getInputProps('name')} />
          <PasswordInput
            label={text.signIn.password}
            description={text.invitation.passwordDetail(PASSWORD_CHARS_MIN)}
            autoComplete="new-password"
            required
            visibilityToggleButtonProps={{ 'aria-label': text.signIn.show }}
            {...form.getInputProps('password')}
          />
          {isSecond && (
            <TextInput
              label={text.signIn.code}
              description={text.signIn.codeDetail}
              autoComplete="one-time-code"
              required
              {...form.getInputProps('code')}
            />
          )}
          <Button type="submit" loading={accept.isPending}>
            {text.invitation.submit}
          </Button>
        </Stack>
      </form>
    </main>
  );
}
