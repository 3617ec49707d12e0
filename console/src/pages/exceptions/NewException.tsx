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
import { useDisclosure } from '@mantine/hooks';

import type { Schemas } from '../../api/client';
import { useWrite } from '../../api/read';
import { InstantField } from '../../parts/fields';
import { LabelFilter } from '../../parts/LabelFilter';
import { SOURCES, text } from '../../text/text';
import { Impact } from './Impact';
import { JUSTIFICATIONS, STATUSES } from './words';

interface Values {
  cve: string;
  product: string;
  source: string;
  version: string;
  purl: string;
  score_below: number | '';
  label: string | undefined;
  status: string;
  justification: string;
  note: string;
  action: string;
  suppress: boolean;
  expires_at: string | undefined;
}

const EMPTY: Values = {
  cve: '',
  product: '',
  source: '',
  version: '',
  purl: '',
  score_below: '',
  label: undefined,
  status: 'affected',
  justification: '',
  note: '',
  action: '',
  suppress: true,
  expires_at: undefined,
};

/** The rule that a form says; what is empty is left out. */
function ruleOf(values: Values): Schemas['ExceptionRuleBody'] {
  const text = (value: string) => value.trim() || undefined;
  return {
    cve: text(values.cve),
    product: text(values.product),
    source: (text(values.source) as Schemas['Source'] | undefined) ?? undefined,
    version: text(values.version),
    purl: text(values.purl),
    score_below: values.score_below === '' ? undefined : values.score_below,
    label: values.label,
  };
}

/** Makes an exception by hand, for what is more than one finding. */
export function NewException() {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button size="xs" onClick={open}>
        {text.exception.create}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={text.exception.create}
        size="lg"
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        <Form done={close} />
      </Modal>
    </>
  );
}

function Form({ done }: { done: () => void }) {
  const form = useForm<Values>({ initialValues: EMPTY });
  const create = useWrite((api, body: Schemas['NewException']) => api.POST('/api/v1/exceptions', { body }), {
    done: (answer) =>
      answer.state === 'requested' ? text.accept.requested : text.accept.made(answer.suppressed),
    onDone: done,
    quiet: true,
  });
  const { values } = form;
  const rule = ruleOf(values);
  const isParticular = [rule.cve, rule.product, rule.purl, rule.score_below].some(
    (value) => value !== undefined,
  );
  const submit = () =>
    create.mutate(
      {
        rule,
        status: values.status,
        justification:
          values.status === 'not_affected' && values.justification !== '' ? values.justification : undefined,
        note: values.note,
        action: values.action,
        suppress: values.suppress,
        expires_at: values.expires_at,
      },
      { onError: (error) => form.setErrors(error.fields) },
    );
  return (
    <form onSubmit={form.onSubmit(submit)}>
      <Stack>
        {create.error && (
          <Alert color="red" variant="outline" role="alert">
            {create.error.message}
          </Alert>
        )}
        <TextInput label={text.cve.cve} placeholder="CVE-2024-21626" {...form.getInputProps('cve')} />
        <TextInput
          label={text.exception.product}
          description={text.exception.productDetail}
          {...form.getInputProps('product')}
        />
        <TextInput label={text.software.version} {...form.getInputProps('version')} />
        <NativeSelect
          label={text.software.source}
          data={[
            { value: '', label: text.common.any },
            ...SOURCES.map((one) => ({ value: one, label: text.source(one) })),
          ]}
          {...form.getInputProps('source')}
        />
        <TextInput
          label={text.exception.purl}
          placeholder="pkg:deb/debian/openssl"
          {...form.getInputProps('purl')}
        />
        <NumberInput
          label={text.exception.scoreBelowField}
          min={0}
          max={10}
          step={0.1}
          {...form.getInputProps('score_below')}
        />
        <LabelFilter value={values.label} set={(label) => form.setFieldValue('label', label)} />
        <NativeSelect
          label={text.exception.status}
          data={STATUSES.map((one) => ({ value: one, label: text.exception.statuses[one] }))}
          {...form.getInputProps('status')}
        />
        {values.status === 'not_affected' && (
          <NativeSelect
            label={text.accept.justification}
            data={[
              { value: '', label: text.accept.ownWords },
              ...JUSTIFICATIONS.map((one) => ({ value: one, label: text.exception.justifications[one] })),
            ]}
            {...form.getInputProps('justification')}
          />
        )}
        <Textarea label={text.accept.note} autosize minRows={2} {...form.getInputProps('note')} />
        <Textarea label={text.exception.action} autosize minRows={1} {...form.getInputProps('action')} />
        <InstantField
          label={text.accept.expires}
          description={text.exception.expiresDetail}
          value={values.expires_at}
          set={(at) => form.setFieldValue('expires_at', at)}
          error={form.errors.expires_at as string | undefined}
        />
        <Checkbox
          label={text.exception.suppresses}
          {...form.getInputProps('suppress', { type: 'checkbox' })}
        />
        {isParticular && <Impact rule={rule} />}
        <Button type="submit" loading={create.isPending} disabled={!isParticular} className="fit">
          {text.exception.create}
        </Button>
      </Stack>
    </form>
  );
}
