import { Alert, Button, Modal, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useDisclosure } from '@mantine/hooks';

import type { Schemas } from '../../api/client';
import { useWrite } from '../../api/read';
import { InstantField } from '../../parts/fields';
import { text } from '../../text/text';

/** Tells a webhook again what happened since an instant, for a receiver that lost it. */
export function ReplaySince({ webhook }: { webhook: Schemas['Webhook'] }) {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button variant="default" size="xs" onClick={open} disabled={!webhook.enabled}>
        {text.webhook.replaySince}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={text.webhook.replaySince}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        <Form id={webhook.id} done={close} />
      </Modal>
    </>
  );
}

function Form({ id, done }: { id: string; done: () => void }) {
  const form = useForm<{ since: string | undefined }>({
    initialValues: { since: undefined },
    validate: { since: (value) => (value === undefined ? text.webhook.sinceNeeded : null) },
  });
  const replay = useWrite(
    (api, since: string) =>
      api.POST('/api/v1/webhooks/{webhook}/replay', { params: { path: { webhook: id } }, body: { since } }),
    { done: text.webhook.replayedSince, onDone: done, quiet: true },
  );
  return (
    <form
      onSubmit={form.onSubmit(({ since }) => {
        if (since !== undefined) {
          replay.mutate(since, { onError: (error) => form.setErrors(error.fields) });
        }
      })}
    >
      <Stack>
        {replay.error && (
          <Alert color="red" variant="outline" role="alert">
            {replay.error.message}
          </Alert>
        )}
        <Text>{text.webhook.replaySinceDetail}</Text>
        <InstantField
          label={text.webhook.since}
          value={form.values.since}
          set={(since) => form.setFieldValue('since', since)}
          error={form.errors.since as string | undefined}
        />
        <Button type="submit" loading={replay.isPending} className="fit">
          {text.webhook.replay}
        </Button>
      </Stack>
    </form>
  );
}
