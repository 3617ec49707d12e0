import {
  Alert,
  Button,
  Checkbox,
  Modal,
  NativeSelect,
  NumberInput,
  Stack,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { SEVERITIES } from '../../app/searches';
import { LabelFilter } from '../../parts/LabelFilter';
import { ReadView } from '../../parts/States';
import { useFocusBack } from '../../parts/focus';
import { SOURCES, text } from '../../text/text';
import { EMPTY_RULE, fromRule, KINDS, type RuleValues, toRule } from './rules';

interface Values extends RuleValues {
  title: string;
  description: string;
  label: string | undefined;
  enabled: boolean;
}

interface PolicyFormProps {
  /** A policy's id, or `new`. */
  edit: string;
  close: () => void;
}

/** Makes a policy, or changes one. */
export function PolicyForm({ edit, close }: PolicyFormProps) {
  useFocusBack();
  return (
    <Modal
      opened
      onClose={close}
      title={edit === 'new' ? text.policy.create : text.policy.change}
      size="lg"
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {edit === 'new' ? <Form close={close} /> : <Existing id={edit} close={close} />}
    </Modal>
  );
}

function Existing({ id, close }: { id: string; close: () => void }) {
  const { me, company, api } = useSession();
  const read = useQuery<{ value: Schemas['Policy']; etag: string }, ApiError>({
    queryKey: [me.id, company, 'policy', id, 'edit'],
    queryFn: () =>
      unwrapVersioned(api.GET('/api/v1/policies/{policy}', { params: { path: { policy: id } } })),
    // What is being edited must not change under the hands.
    staleTime: Infinity,
    gcTime: 0,
  });
  return (
    <ReadView read={read}>{({ value, etag }) => <Form policy={value} etag={etag} close={close} />}</ReadView>
  );
}

function Form({ policy, etag, close }: { policy?: Schemas['Policy']; etag?: string; close: () => void }) {
  const form = useForm<Values>({
    initialValues: {
      ...(policy ? fromRule(policy.rule) : EMPTY_RULE),
      title: policy?.name ?? '',
      description: policy?.description ?? '',
      label: policy?.label ?? undefined,
      enabled: policy?.enabled ?? true,
    },
  });
  const { values } = form;
  const save = useWrite(
    (api, body: Schemas['PolicyBody']) =>
      policy
        ? api.PUT('/api/v1/policies/{policy}', {
            params: { path: { policy: policy.id }, header: { 'If-Match': etag ?? '*' } },
            body,
          })
        : api.POST('/api/v1/policies', { body }),
    { done: text.policy.saved, onDone: close, quiet: true },
  );
  const isSoftware = ['software_version', 'no_software', 'has_software'].includes(values.kind);
  const submit = () =>
    save.mutate(
      {
        name: values.title,
        description: values.description,
        rule: toRule(values),
        label: values.label,
        enabled: values.enabled,
      },
      { onError: (error) => form.setErrors({ ...error.fields, title: error.fields.name }) },
    );
  return (
    <form onSubmit={form.onSubmit(submit)}>
      <Stack>
        {save.error && (
          <Alert color="red" variant="outline" role="alert">
            {save.error.message}
          </Alert>
        )}
        <TextInput label={text.common.name} required data-autofocus {...form.getInputProps('title')} />
        <Textarea label={text.common.description} autosize {...form.getInputProps('description')} />
        <NativeSelect
          label={text.policy.kind}
          data={KINDS.map((one) => ({ value: one, label: text.policy.kinds[one] }))}
          {...form.getInputProps('kind')}
        />
        {values.kind === 'no_finding' && (
          <>
            <Checkbox label={text.finding.kevOnly} {...form.getInputProps('kev', { type: 'checkbox' })} />
            <NativeSelect
              label={text.cve.severityMin}
              data={[
                { value: '', label: text.common.any },
                ...SEVERITIES.slice(2).map((one) => ({ value: one, label: text.severity[one] })),
              ]}
              {...form.getInputProps('severity_min')}
            />
            <NumberInput
              label={text.policy.epssField}
              min={0}
              max={1}
              step={0.05}
              {...form.getInputProps('epss_above')}
            />
            <TextInput label={text.cve.cve} {...form.getInputProps('cve')} />
            <NumberInput
              label={text.policy.olderField}
              min={0}
              max={3650}
              {...form.getInputProps('older_than_days')}
            />
          </>
        )}
        {isSoftware && (
          <>
            <TextInput
              label={text.software.name}
              description={text.policy.wildcards}
              required
              {...form.getInputProps('name')}
            />
            <TextInput
              label={text.policy.versions}
              placeholder=">= 3.0.13, < 4"
              required={values.kind === 'software_version'}
              {...form.getInputProps('version')}
            />
            <NativeSelect
              label={text.software.source}
              data={[
                { value: '', label: text.common.any },
                ...SOURCES.map((one) => ({ value: one, label: text.source(one) })),
              ]}
              {...form.getInputProps('source')}
            />
          </>
        )}
        {values.kind === 'seen_within' && (
          <NumberInput label={text.policy.days} min={1} max={3650} required {...form.getInputProps('days')} />
        )}
        <LabelFilter value={values.label} set={(label) => form.setFieldValue('label', label)} />
        <Checkbox label={text.policy.enabled} {...form.getInputProps('enabled', { type: 'checkbox' })} />
        <Button type="submit" loading={save.isPending} className="fit">
          {text.common.save}
        </Button>
      </Stack>
    </form>
  );
}
