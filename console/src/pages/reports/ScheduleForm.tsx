import { Alert, Button, Checkbox, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { ReadView } from '../../parts/States';
import { useFocusBack } from '../../parts/focus';
import { text } from '../../text/text';
import { EMPTY, fromSpec, type SpecValues, toSpec } from './spec';
import { SpecFields } from './SpecFields';

type Schedule = Schemas['ReportSchedule'];
type Weekday = Schemas['Weekday'];

interface Values extends SpecValues {
  weekday: Weekday | '';
  at: string;
  time_zone: string;
  enabled: boolean;
}

const WEEKDAYS = Object.keys(text.report.weekdays) as Weekday[];
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The time zones of the browser, which are IANA's, with the one that a schedule has already. */
const zones = (of: string) => [...new Set([of, HERE, 'UTC', ...Intl.supportedValuesOf('timeZone')])];

/** Makes a schedule, or changes one. */
export function ScheduleForm({ edit, close }: { edit: string; close: () => void }) {
  useFocusBack();
  return (
    <Modal
      opened
      onClose={close}
      title={edit === 'new' ? text.report.newSchedule : text.report.changeSchedule}
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {edit === 'new' ? <Form close={close} /> : <Existing id={edit} close={close} />}
    </Modal>
  );
}

function Existing({ id, close }: { id: string; close: () => void }) {
  const { me, company, api } = useSession();
  const read = useQuery<{ value: Schedule; etag: string }, ApiError>({
    queryKey: [me.id, company, 'report-schedule', id, 'edit'],
    queryFn: () =>
      unwrapVersioned(api.GET('/api/v1/report-schedules/{schedule}', { params: { path: { schedule: id } } })),
    // What is being edited must not change under the hands.
    staleTime: Infinity,
    gcTime: 0,
  });
  return (
    <ReadView read={read}>
      {({ value, etag }) => <Form schedule={value} etag={etag} close={close} />}
    </ReadView>
  );
}

function Form({ schedule, etag, close }: { schedule?: Schedule; etag?: string; close: () => void }) {
  const form = useForm<Values>({
    initialValues: {
      ...(schedule ? fromSpec(schedule.name, schedule) : EMPTY),
      weekday: schedule?.weekday ?? '',
      at: schedule?.at ?? '07:00',
      time_zone: schedule?.time_zone ?? HERE,
      enabled: schedule?.enabled ?? true,
    },
  });
  const save = useWrite(
    (api, body: Schemas['ReportScheduleBody']) =>
      schedule
        ? api.PUT('/api/v1/report-schedules/{schedule}', {
            params: { path: { schedule: schedule.id }, header: { 'If-Match': etag ?? '*' } },
            body,
          })
        : api.POST('/api/v1/report-schedules', { body }),
    { done: text.report.saved, onDone: close, quiet: true },
  );
  const submit = (values: Values) =>
    save.mutate(
      {
        ...toSpec(values),
        weekday: values.weekday || undefined,
        at: values.at,
        time_zone: values.time_zone,
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
        <SpecFields form={form} />
        <NativeSelect
          label={text.report.every}
          data={[
            { value: '', label: text.report.daily },
            ...WEEKDAYS.map((one) => ({ value: one, label: text.report.weekdays[one] })),
          ]}
          {...form.getInputProps('weekday')}
        />
        <TextInput type="time" label={text.report.at} required {...form.getInputProps('at')} />
        <NativeSelect
          label={text.report.timeZone}
          data={zones(form.values.time_zone)}
          {...form.getInputProps('time_zone')}
        />
        <Checkbox label={text.report.enabled} {...form.getInputProps('enabled', { type: 'checkbox' })} />
        <Button type="submit" loading={save.isPending} className="fit">
          {text.common.save}
        </Button>
      </Stack>
    </form>
  );
}
