import {
  Alert,
  Button,
  Checkbox,
  Group,
  JsonInput,
  Modal,
  NativeSelect,
  SegmentedControl,
  Stack,
  Text,
  Textarea,
  TextInput,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { ReadView } from '../../parts/States';
import { useFocusBack } from '../../parts/focus';
import { text } from '../../text/text';
import { type Condition, fromCondition, KINDS, type Line, toCondition } from './condition';

interface LabelFormProps {
  /** A label's id, or `new`. */
  edit: string;
  close: () => void;
}

/** Makes a label, or changes one. */
export function LabelForm({ edit, close }: LabelFormProps) {
  useFocusBack();
  return (
    <Modal
      opened
      onClose={close}
      title={edit === 'new' ? text.label.create : text.label.edit}
      size="lg"
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {edit === 'new' ? <Form close={close} /> : <Existing id={edit} close={close} />}
    </Modal>
  );
}

function Existing({ id, close }: { id: string; close: () => void }) {
  const { me, company, api } = useSession();
  const read = useQuery<{ value: Schemas['Label']; etag: string }, ApiError>({
    queryKey: [me.id, company, 'label', id, 'edit'],
    queryFn: () => unwrapVersioned(api.GET('/api/v1/labels/{label}', { params: { path: { label: id } } })),
    staleTime: Infinity,
    gcTime: 0,
  });
  return (
    <ReadView read={read}>{({ value, etag }) => <Form label={value} etag={etag} close={close} />}</ReadView>
  );
}

interface Values {
  name: string;
  description: string;
  /** Whether people give it, or a rule does. */
  by: 'people' | 'rule';
  join: 'all' | 'any';
  lines: Line[];
  /** A rule that lines cannot say, as JSON. */
  tree: string;
}

const LINE: Line = { kind: 'platform', value: '', second: '', not: false };

function initial(label: Schemas['Label'] | undefined): Values {
  const lines = label?.rule ? fromCondition(label.rule) : { join: 'all' as const, lines: [LINE] };
  return {
    name: label?.name ?? '',
    description: label?.description ?? '',
    by: label?.rule ? 'rule' : 'people',
    join: lines?.join ?? 'all',
    lines: lines?.lines ?? [],
    tree: lines === undefined ? JSON.stringify(label?.rule, null, 2) : '',
  };
}

function Form({ label, etag, close }: { label?: Schemas['Label']; etag?: string; close: () => void }) {
  const form = useForm<Values>({ initialValues: initial(label) });
  const { values } = form;
  const save = useWrite(
    (api, body: Schemas['LabelBody']) =>
      label
        ? api.PUT('/api/v1/labels/{label}', {
            params: { path: { label: label.id }, header: { 'If-Match': etag ?? '*' } },
            body,
          })
        : api.POST('/api/v1/labels', { body }),
    { done: text.label.saved, onDone: close, quiet: true },
  );
  const submit = () => {
    let rule: Condition | undefined;
    if (values.by === 'rule') {
      try {
        rule =
          values.tree === ''
            ? toCondition(values.join, values.lines)
            : (JSON.parse(values.tree) as Condition);
      } catch {
        form.setFieldError('tree', text.vex.noJson);
        return;
      }
    }
    save.mutate(
      { name: values.name, description: values.description, rule },
      { onError: (error) => form.setErrors(error.fields) },
    );
  };
  return (
    <form onSubmit={form.onSubmit(submit)}>
      <Stack>
        {save.error && (
          <Alert color="red" variant="outline" role="alert">
            {save.error.message}
          </Alert>
        )}
        <TextInput label={text.common.name} required data-autofocus {...form.getInputProps('name')} />
        <Textarea label={text.common.description} autosize {...form.getInputProps('description')} />
        <Text size="sm" fw={500} mb={-12}>
          {text.label.givenBy}
        </Text>
        <SegmentedControl
          aria-label={text.label.givenBy}
          data={[
            { value: 'people', label: text.label.byPeople },
            { value: 'rule', label: text.label.byRule },
          ]}
          {...form.getInputProps('by')}
        />
        {values.by === 'rule' && values.tree === '' && (
          <>
            {values.lines.length > 1 && (
              <NativeSelect
                label={text.label.join}
                data={[
                  { value: 'all', label: text.label.joinAll },
                  { value: 'any', label: text.label.joinAny },
                ]}
                {...form.getInputProps('join')}
              />
            )}
            {values.lines.map((line, at) => (
              <RuleLine
                // Lines have no name of their own, and are only ever added and taken at their place.
                key={at}
                line={line}
                set={(next) => form.setFieldValue(`lines.${at}`, next)}
                remove={values.lines.length > 1 ? () => form.removeListItem('lines', at) : undefined}
              />
            ))}
            <Button
              variant="default"
              size="xs"
              className="fit"
              onClick={() => form.insertListItem('lines', LINE)}
            >
              {text.label.addLine}
            </Button>
          </>
        )}
        {values.by === 'rule' && values.tree !== '' && (
          <JsonInput label={text.label.tree} autosize minRows={6} {...form.getInputProps('tree')} />
        )}
        <Button type="submit" loading={save.isPending} className="fit">
          {text.common.save}
        </Button>
      </Stack>
    </form>
  );
}

interface RuleLineProps {
  line: Line;
  set: (line: Line) => void;
  remove?: () => void;
}

function RuleLine({ line, set, remove }: RuleLineProps) {
  const hasSecond = line.kind === 'enrolment_label' || line.kind === 'software';
  return (
    <Group component="fieldset" align="flex-end" gap="xs" className="rule-line">
      <Text component="legend" className="visually-hidden">
        {text.label.condition}
      </Text>
      <NativeSelect
        label={text.label.kind}
        value={line.kind}
        data={KINDS.map((kind) => ({ value: kind, label: text.label.kinds[kind] }))}
        onChange={(event) =>
          set({ ...line, kind: KINDS.find((kind) => kind === event.currentTarget.value) ?? line.kind })
        }
      />
      <TextInput
        label={hasSecond ? text.common.name : text.label.value}
        placeholder={text.label.examples[line.kind]}
        value={line.value}
        required
        onChange={(event) => set({ ...line, value: event.currentTarget.value })}
      />
      {hasSecond && (
        <TextInput
          label={line.kind === 'software' ? text.policy.versions : text.label.value}
          value={line.second}
          required={line.kind === 'enrolment_label'}
          onChange={(event) => set({ ...line, second: event.currentTarget.value })}
        />
      )}
      <Checkbox
        className="toggle"
        label={text.label.isNot}
        checked={line.not}
        onChange={(event) => set({ ...line, not: event.currentTarget.checked })}
      />
      {remove && (
        <Button variant="subtle" size="sm" onClick={remove}>
          {text.common.remove}
        </Button>
      )}
    </Group>
  );
}
