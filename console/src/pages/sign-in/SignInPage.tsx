import { Alert, Button, PasswordInput, Stack, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation } from '@tanstack/react-query';
import { getRouteApi, useRouter } from '@tanstack/react-router';
import { useEffect } from 'react';

import { connect } from '../../api/client';
import { type ApiError, unwrap } from '../../api/problem';
import { queries } from '../../app/queries';
import { text } from '../../text/text';
import { ByProvider } from './ByProvider';

const route = getRouteApi('/sign-in');

interface Claim {
  email: string;
  password: string;
  code: string;
}

/** Where somebody signs in: address, password, and the second factor where the account has one. */
export function SignInPage() {
  const { to, sso } = route.useSearch();
  const router = useRouter();
  const form = useForm<Claim>({ initialValues: { email: '', password: '', code: '' } });
  useEffect(() => {
    document.title = `${text.signIn.title} · ${text.product}`;
  }, []);

  const signIn = useMutation<unknown, ApiError, Claim>({
    mutationFn: ({ email, password, code }) =>
      unwrap(
        connect(undefined).POST('/api/v1/sessions', {
          body: { email: email.trim(), password, code: code.trim() === '' ? undefined : code.trim() },
        }),
      ),
    onSuccess: () => {
      // Whatever was read before was read by somebody else.
      queries.clear();
      router.history.push(safe(to));
    },
  });
  const isSecond = signIn.error?.kind === 'second-factor-missing' || form.values.code !== '';
  const failure = signIn.error && signIn.error.kind !== 'second-factor-missing' ? signIn.error : null;

  return (
    <main className="narrow-page">
      <Title order={1} size="h2" mb="lg">
        {text.signIn.title}
      </Title>
      <form onSubmit={form.onSubmit((claim) => signIn.mutate(claim))}>
        <Stack>
          {failure && (
            <Alert color="red" variant="outline" role="alert">
              {failure.status === 0 ? text.state.awayDetail : failure.message}
            </Alert>
          )}
          <TextInput
            label={text.signIn.email}
            type="email"
            autoComplete="username"
            required
            {...form.getInputProps('email')}
          />
          <PasswordInput
            label={text.signIn.password}
            autoComplete="current-password"
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
              data-autofocus
              ref={(input) => {
                if (form.values.code === '') input?.focus();
              }}
              {...form.getInputProps('code')}
            />
          )}
          <Button type="submit" loading={signIn.isPending}>
            {text.signIn.submit}
          </Button>
        </Stack>
      </form>
      <ByProvider to={to} refused={sso} />
    </main>
  );
}

/** A place of this console; an address that a link brought along must not lead anywhere else. */
function safe(to: string | undefined): string {
  return to !== undefined && /^\/(?![/\\])/.test(to) ? to : '/';
}
