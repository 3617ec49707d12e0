import { Alert, Button, Checkbox, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { SEVERITIES } from '../../app/searches';
import { LabelFilter } from '../../parts/LabelFilter';
import { ReadView } from '../../parts/States';
import { useFocusBack } from '../../parts/focus';
import { EVENT_KINDS, text } from '../../text/text';
import { Secret } from './Secret';

type Webhook = Schemas['Webhook'];

const TEMPLATES = ['generic', 'slack', 'teams'] as const;
/** What a new one is told of, until somebody chooses: what asks for somebody. */
const KINDS_DEFAULT: Schemas['EventKind'][] = ['finding.opened', 'finding.reopened', 'policy.fail'];

interface WebhookFormProps {
  /** A webhook's id, or `new`. */
  edit: string;
  close: () => void;
}

/** Makes a webhook and shows its secret once, or changes one. */
export function WebhookForm({ edit, close }: WebhookFormProps) {
  useFocusBack();
  const [made, setMade] = useState<Schemas['WebhookWithSecret']>();
  if (made) return <Secret of={made} close={close} />;
  return (
    <Modal
      opened
      onClose={close}
      title={edit === 'new' ? text.webhook.create : text.webhook.change}
      size="lg"
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {edit === 'new' ? <New done={setMade} /> : <Existing id={edit} close={close} />}
    </Modal>
  );
}

interface Values {
  name: string;
  url: string;
  template: Schemas['WebhookTemplate'];
  kinds: Schemas['EventKind'][];
  severity_min: Schemas['Severity'] | '';
  kev: boolean;
  label: string | undefined;
  enabled: boolean;
}

function bodyOf({ severity_min, ...rest }: Values): Schemas['WebhookBody'] {
  return { ...rest, severity_min: severity_min === '' ? undefined : severity_min };
}

function New({ done }: { done: (made: Schemas['WebhookWithSecret']) => void }) {
  const create = useWrite((api, body: Schemas['WebhookBody']) => api.POST('/api/v1/webhooks', { body }), {
    onDone: done,
    quiet: true,
  });
  return (
    <Form
      isSaving={create.isPending}
      error={create.error}
      save={(body, refused) => create.mutate(body, { onError: refused })}
    />
  );
}

function Existing({ id, close }: { id: string; close: () => void }) {
  const { me, company, api } = useSession();
  const path = { webhook: id };
  const read = useQuery<{ value: Webhook; etag: string }, ApiError>({
    queryKey: [me.id, company, 'webhook', id, 'edit'],
    queryFn: () => unwrapVersioned(api.GET('/api/v1/webhooks/{webhook}', { params: { path } })),
    // What is being edited must not change under the hands.
    staleTime: Infinity,
    gcTime: 0,
  });
  const change = useWrite(
    (on, body: Schemas['WebhookBody']) =>
      on.PUT('/api/v1/webhooks/{webhook}', {
        params: { path, header: { 'If-Match': read.data?.etag ?? '*' } },
        body,
      }),
    { done: text.webhook.saved, onDone: close, quiet: true },
  );
  return (
    <ReadView read={read}>
      {({ value }) => (
        <Form
          webhook={value}
          isSaving={change.isPending}
          error={change.error}
          save={(body, refused) => change.mutate(body, { onError: refused })}
        />
      )}
    </ReadView>
  );
}

interface FormProps {
  webhook?: Webhook;
  isSaving: boolean;
  error: ApiError | null;
  save: (body: Schemas['WebhookBody'], refused: (error: ApiError) => void) => void;
}

function Form({ webhook, isSaving, error, save }: FormProps) {
  const form = useForm<Values>({
    initialValues: {
      name: webhook?.name ?? '',
      url: webhook?.url ?? '',
      template: webhook?.template ?? 'generic',
      kinds: webhook?.kinds ?? KINDS_DEFAULT,
      severity_min: webhook?.severity_min ?? '',
      kev: webhook?.kev ?? false,
      label: webhook?.label ?? undefined,
      enabled: webhook?.enabled ?? true,
    },
  });
  return (
    <form
      onSubmit={form.onSubmit((values) => save(bodyOf(values), (refused) => form.setErrors(refused.fields)))}
    >
      <Stack>
        {error && (
          <Alert color="red" variant="outline" role="alert">
            {error.message}
          </Alert>
        )}
        <TextInput label={text.common.name} required data-autofocus {...form.getInputProps('name')} />
        <TextInput
          label={text.webhook.url}
          description={text.webhook.urlDetail}
          placeholder="https://hooks.example/muster"
          required
          autoComplete="off"
          {...form.getInputProps('url')}
        />
        <NativeSelect
          label={text.webhook.template}
          data={TEMPLATES.map((one) => ({ value: one, label: text.webhook.templates[one] }))}
          {...form.getInputProps('template')}
        />
        <Checkbox.Group label={text.webhook.kinds} required {...form.getInputProps('kinds')}>
          <Group align="flex-start" gap="xl" mt="xs">
            {(['finding', 'policy'] as const).map((object) => (
              <Stack key={object} gap={6} role="group" aria-label={text.webhook.kindsOf[object]}>
                {EVENT_KINDS.filter((kind) => kind.startsWith(object)).map((kind) => (
                  <Checkbox key={kind} value={kind} label={text.event.kindOf(kind)} />
                ))}
              </Stack>
            ))}
          </Group>
        </Checkbox.Group>
        <NativeSelect
          label={text.cve.severityMin}
          description={text.webhook.severityDetail}
          data={[
            { value: '', label: text.common.any },
            ...SEVERITIES.slice(2).map((one) => ({ value: one, label: text.severity[one] })),
          ]}
          {...form.getInputProps('severity_min')}
        />
        <Checkbox label={text.finding.kevOnly} {...form.getInputProps('kev', { type: 'checkbox' })} />
        <LabelFilter value={form.values.label} set={(label) => form.setFieldValue('label', label)} />
        <Checkbox
          label={text.webhook.enabled}
          description={text.webhook.enabledDetail}
          {...form.getInputProps('enabled', { type: 'checkbox' })}
        />
        <Button type="submit" loading={isSaving} className="fit">
          {text.common.save}
        </Button>
      </Stack>
    </form>
  );
}
