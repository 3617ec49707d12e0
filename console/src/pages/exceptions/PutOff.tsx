import { Alert, Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { InstantField } from '../../parts/fields';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { bodyOf } from './words';

interface PutOffProps {
  id: string;
  /** What came in its place. */
  onDone: (id: string) => void;
}

/** Another end or reason for an exception: another one comes in its place, and nothing is open in between. */
export function PutOff({ id, onDone }: PutOffProps) {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button variant="default" size="xs" onClick={open}>
        {text.exception.putOff}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={text.exception.putOff}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        <Current
          id={id}
          onDone={(next) => {
            close();
            onDone(next);
          }}
        />
      </Modal>
    </>
  );
}

function Current({ id, onDone }: PutOffProps) {
  const { me, company, api } = useSession();
  const read = useQuery<{ value: Schemas['Exception']; etag: string }, ApiError>({
    queryKey: [me.id, company, 'exception', id, 'versioned'],
    queryFn: () =>
      unwrapVersioned(api.GET('/api/v1/exceptions/{exception}', { params: { path: { exception: id } } })),
    // What is changed is what is there now, and what is typed stays.
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
  });
  return (
    <ReadView read={read} lines={3}>
      {({ value, etag }) => <Form of={value} etag={etag} onDone={onDone} />}
    </ReadView>
  );
}

interface FormProps {
  of: Schemas['Exception'];
  etag: string;
  onDone: (id: string) => void;
}

function Form({ of, etag, onDone }: FormProps) {
  const form = useForm<{ note: string; expires_at: string | undefined }>({
    initialValues: { note: of.note, expires_at: of.expires_at ?? undefined },
    validate: {
      expires_at: (at) => (of.status === 'affected' && at === undefined ? text.accept.endNeeded : null),
    },
  });
  const replace = useWrite(
    (api, body: Schemas['NewException']) =>
      api.POST('/api/v1/exceptions/{exception}/replace', {
        params: { path: { exception: of.id }, header: { 'If-Match': etag } },
        body,
      }),
    {
      quiet: true,
      done: (answer) =>
        answer.state === 'requested'
          ? text.accept.requested
          : text.exception.settled(answer.suppressed, answer.reopened),
      onDone: (answer) => onDone(answer.id),
    },
  );
  const error = replace.error;
  return (
    <form
      onSubmit={form.onSubmit((values) =>
        replace.mutate(bodyOf(of, values), { onError: (problem) => form.setErrors(problem.fields) }),
      )}
    >
      <Stack>
        <Text size="sm">{text.exception.putOffDetail}</Text>
        {error && Object.keys(error.fields).length === 0 && (
          <Alert color="red" variant="outline" role="alert">
            {error.message}
          </Alert>
        )}
        <InstantField
          label={text.exception.expires}
          value={form.values.expires_at}
          set={(at) => form.setFieldValue('expires_at', at)}
          error={form.errors.expires_at as string | undefined}
        />
        <Textarea label={text.exception.note} autosize minRows={3} {...form.getInputProps('note')} />
        <Group justify="flex-end">
          <Button type="submit" loading={replace.isPending}>
            {text.common.save}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
