import { Alert, Button, NumberInput, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';

/** How long the company keeps what is over. */
export function RetentionSettings() {
  const { me, company, api } = useSession();
  const read = useQuery<{ value: Schemas['Retention']; etag: string }, ApiError>({
    queryKey: [me.id, company, 'settings', 'retention'],
    queryFn: () => unwrapVersioned(api.GET('/api/v1/settings/retention')),
    // What somebody types must not be gone because they looked something up in another window.
    refetchOnWindowFocus: false,
  });
  return (
    <>
      <ReadAt read={read} />
      <ReadView read={read} lines={3}>
        {({ value, etag }) => <Form key={etag} kept={value} etag={etag} />}
      </ReadView>
    </>
  );
}

interface Values {
  history_days: number | string;
  silent_hosts_days: number | string;
}

function Form({ kept, etag }: { kept: Schemas['Retention']; etag: string }) {
  const { may } = useSession();
  const mayWrite = may('settings:write');
  const form = useForm<Values>({
    initialValues: {
      history_days: kept.history_days ?? '',
      silent_hosts_days: kept.silent_hosts_days ?? '',
    },
  });
  const save = useWrite(
    (api, body: Schemas['RetentionBody']) =>
      api.PUT('/api/v1/settings/retention', { params: { header: { 'If-Match': etag } }, body }),
    { done: text.settings.saved, quiet: true },
  );
  return (
    <form
      onSubmit={form.onSubmit((values) =>
        save.mutate(
          { history_days: days(values.history_days), silent_hosts_days: days(values.silent_hosts_days) },
          { onError: (error) => form.setErrors(error.fields) },
        ),
      )}
    >
      <Stack maw={520}>
        {save.error && (
          <Alert color="red" variant="outline" role="alert">
            {save.error.message}
          </Alert>
        )}
        {!mayWrite && <Text c="dimmed">{text.settings.readOnly}</Text>}
        <NumberInput
          label={text.settings.history}
          description={text.settings.historyDetail(kept.history_days_max)}
          min={1}
          max={kept.history_days_max}
          disabled={!mayWrite}
          {...form.getInputProps('history_days')}
        />
        <NumberInput
          label={text.settings.silent}
          description={text.settings.silentDetail}
          min={7}
          max={3650}
          disabled={!mayWrite}
          {...form.getInputProps('silent_hosts_days')}
        />
        {mayWrite && (
          <Button type="submit" loading={save.isPending} className="fit">
            {text.common.save}
          </Button>
        )}
      </Stack>
    </form>
  );
}

/** A field for a number is empty as a text. */
function days(value: number | string): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
