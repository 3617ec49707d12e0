import {
  Alert,
  Button,
  Card,
  Checkbox,
  Group,
  NativeSelect,
  Stack,
  Text,
  TextInput,
  Title,
} from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { Confirm } from '../../parts/Confirm';
import { Moment } from '../../parts/Moment';
import { useFocusKept } from '../../parts/focus';
import { useRenewed } from '../../parts/renewed';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';

type Own = Schemas['OwnDigest'];
type Section = Schemas['DigestSection'];
type Weekday = Schemas['Weekday'];

interface Values {
  weekday: Weekday | '';
  at: string;
  time_zone: string;
  sections: Section[];
  when_quiet: boolean;
}

const SECTIONS = Object.keys(text.digest.sections) as Section[];
const WEEKDAYS = Object.keys(text.report.weekdays) as Weekday[];
const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The time zones of the browser, which are IANA's, with the one that a digest has already. */
const zones = (of: string) => [...new Set([of, HERE, 'UTC', ...Intl.supportedValuesOf('timeZone')])];

/** What somebody is told by mail, in the company that is looked at; for its own people. */
export function Digest() {
  const { me, company, api } = useSession();
  const isOurs = me.companies.some((one) => one.company === company);
  const read = useQuery<{ value: Own; etag: string }, ApiError>({
    queryKey: [me.id, company, 'digest'],
    queryFn: () => unwrapVersioned(api.GET('/api/v1/me/digest')),
    enabled: isOurs,
    // What is being edited must not change under the hands.
    refetchOnWindowFocus: false,
  });
  if (!isOurs) return null;
  return (
    <Card withBorder component="section" aria-label={text.digest.title}>
      <Title order={2} size="h4">
        {text.digest.title}
      </Title>
      <ReadView read={read} lines={3}>
        {({ value, etag }) => <Form own={value} etag={etag} />}
      </ReadView>
    </Card>
  );
}

function valuesOf(digest: Own['digest']): Values {
  return {
    weekday: digest?.weekday ?? '',
    at: digest?.at ?? '07:00',
    time_zone: digest?.time_zone ?? HERE,
    sections: digest?.sections ?? SECTIONS,
    when_quiet: digest?.when_quiet ?? false,
  };
}

function Form({ own, etag }: { own: Own; etag: string }) {
  const { digest } = own;
  const form = useForm<Values>({ initialValues: valuesOf(digest) });
  useRenewed(etag, () => form.setValues(valuesOf(digest)));
  const save = useWrite(
    (api, body: Schemas['DigestBody']) =>
      api.PUT('/api/v1/me/digest', { params: { header: { 'If-Match': etag } }, body }),
    { done: text.digest.saved, quiet: true },
  );
  const test = useWrite((api) => api.POST('/api/v1/me/digest/test'), { done: text.digest.tested });
  const end = useWrite((api) => api.DELETE('/api/v1/me/digest'), { done: text.digest.ended });
  // What ends it goes with it.
  const saving = useFocusKept(`${save.isPending} ${digest == null}`);
  const testing = useFocusKept(String(test.isPending));
  const submit = (values: Values) =>
    save.mutate(
      { ...values, weekday: values.weekday || undefined },
      { onError: (error) => form.setErrors(error.fields) },
    );
  return (
    <form onSubmit={form.onSubmit(submit)}>
      <Stack maw={520}>
        {!own.is_sent && (
          <Alert color="yellow" variant="outline">
            {text.digest.notSent}
          </Alert>
        )}
        {save.error && (
          <Alert color="red" variant="outline" role="alert">
            {save.error.message}
          </Alert>
        )}
        <Text c="dimmed">
          {digest ? (
            <>
              {text.digest.next} <Moment at={digest.next_at} />
            </>
          ) : (
            text.digest.none
          )}
        </Text>
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
        <Checkbox.Group label={text.digest.what} {...form.getInputProps('sections')}>
          <Stack gap="xs" mt="xs">
            {SECTIONS.map((one) => (
              <Checkbox key={one} value={one} label={text.digest.sections[one]} />
            ))}
          </Stack>
        </Checkbox.Group>
        <Checkbox label={text.digest.whenQuiet} {...form.getInputProps('when_quiet', { type: 'checkbox' })} />
        <Group>
          <Button ref={saving} type="submit" loading={save.isPending}>
            {digest ? text.common.save : text.digest.begin}
          </Button>
          {digest && (
            <>
              <Button
                ref={testing}
                variant="default"
                disabled={!own.is_sent}
                loading={test.isPending}
                onClick={() => test.mutate()}
              >
                {text.digest.test}
              </Button>
              <Confirm
                label={text.digest.end}
                detail={text.digest.endDetail}
                onConfirm={() => end.mutate()}
              />
            </>
          )}
        </Group>
      </Stack>
    </form>
  );
}
