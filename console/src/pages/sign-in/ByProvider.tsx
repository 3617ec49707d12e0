import { Alert, Button, Divider, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';

import { type Refused, text } from '../../text/text';
import { startOf } from './start';

/** The way in by a company's own provider, and why it led nowhere the last time. */
export function ByProvider({ to, refused }: { to: string | undefined; refused: Refused | undefined }) {
  const form = useForm({ initialValues: { whose: '' } });
  return (
    <form onSubmit={form.onSubmit(({ whose }) => window.location.assign(startOf(whose, to)))}>
      <Stack mt="xl">
        <Divider label={text.provider.title} />
        {refused !== undefined && (
          <Alert color="red" variant="outline" role="alert">
            {text.provider.refused[refused]}
          </Alert>
        )}
        <TextInput
          label={text.provider.whose}
          autoComplete="organization"
          required
          {...form.getInputProps('whose')}
        />
        <Button type="submit" variant="default">
          {text.provider.go}
        </Button>
      </Stack>
    </form>
  );
}
