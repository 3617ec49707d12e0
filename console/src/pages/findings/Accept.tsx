import { Button, Checkbox, NativeSelect, Stack, Text, Textarea } from '@mantine/core';
import { useForm } from '@mantine/form';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { InstantField } from '../../parts/fields';
import { Impact } from '../exceptions/Impact';
import { JUSTIFICATIONS, STATUSES } from '../exceptions/words';
import { text } from '../../text/text';
import type { Finding } from './finding';

/** How wide an exception reaches. */
const REACHES = ['version', 'product', 'cve', 'host'] as const;

interface Values {
  reach: (typeof REACHES)[number];
  status: string;
  justification: string;
  note: string;
  expires_at: string | undefined;
}

interface AcceptProps {
  finding: Finding;
  host?: { id: string; hostname: string };
  done: () => void;
}

const DAYS = 90;

/** The instant so many days from now, to the minute. */
function inDays(days: number): string {
  const minute = 60_000;
  const at = Math.floor(Date.now() / minute) * minute + days * 24 * 60 * minute;
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

/** Decides not to be told of a finding, says why and until when, and shows beforehand what that comes to. */
export function Accept({ finding, host, done }: AcceptProps) {
  const form = useForm<Values>({
    initialValues: {
      reach: 'version',
      status: 'affected',
      justification: '',
      note: '',
      expires_at: inDays(DAYS),
    },
    validate: {
      note: (note, values) =>
        note.trim() === '' && !(values.status === 'not_affected' && values.justification !== '')
          ? text.accept.noteNeeded
          : null,
      expires_at: (at, values) =>
        values.status === 'affected' && at === undefined ? text.accept.endNeeded : null,
    },
  });
  const { reach, status } = form.values;
  const { id: cve } = finding.cve;
  const { name: product, source, version } = finding.software;
  const rule: Schemas['ExceptionRuleBody'] =
    reach === 'cve'
      ? { cve }
      : reach === 'host'
        ? { cve, product, source, host: host?.id }
        : { cve, product, source, version: reach === 'version' ? version : undefined };
  const settings = useRead(['exceptions', 'settings'], (api) => api.GET('/api/v1/exceptions/settings'));
  const create = useWrite((api, body: Schemas['NewException']) => api.POST('/api/v1/exceptions', { body }), {
    done: (answer) =>
      answer.state === 'requested' ? text.accept.requested : text.accept.made(answer.suppressed),
    onDone: done,
  });
  const names: Record<(typeof REACHES)[number], string> = {
    version: text.accept.reachVersion(cve, `${product} ${version}`),
    product: text.accept.reachProduct(cve, product),
    cve: text.accept.reachCve(cve),
    host: text.accept.reachHost(cve, product, host?.hostname ?? ''),
  };

  return (
    <form
      onSubmit={form.onSubmit((values) =>
        create.mutate(
          {
            rule,
            status: values.status,
            justification:
              values.status === 'not_affected' && values.justification !== ''
                ? values.justification
                : undefined,
            note: values.note,
            action: '',
            expires_at: values.expires_at,
          },
          { onError: (error) => form.setErrors(error.fields) },
        ),
      )}
    >
      <Stack>
        <NativeSelect
          label={text.accept.reach}
          data={REACHES.filter((one) => one !== 'host' || host).map((one) => ({
            value: one,
            label: names[one],
          }))}
          {...form.getInputProps('reach')}
        />
        <NativeSelect
          label={text.accept.status}
          data={STATUSES.filter((one) => one !== 'under_investigation').map((one) => ({
            value: one,
            label: text.exception.statuses[one],
          }))}
          {...form.getInputProps('status')}
        />
        {status === 'not_affected' && (
          <NativeSelect
            label={text.accept.justification}
            data={[
              { value: '', label: text.accept.ownWords },
              ...JUSTIFICATIONS.map((one) => ({ value: one, label: text.exception.justifications[one] })),
            ]}
            {...form.getInputProps('justification')}
          />
        )}
        <Textarea
          label={text.accept.note}
          description={text.accept.noteDetail}
          autosize
          minRows={3}
          {...form.getInputProps('note')}
          data-autofocus
        />
        <InstantField
          label={text.accept.expires}
          description={text.accept.expiresDetail}
          value={form.values.expires_at}
          set={(at) => form.setFieldValue('expires_at', at)}
          error={form.errors.expires_at as string | undefined}
        />
        {status !== 'affected' && (
          <Checkbox
            label={text.accept.forever}
            checked={form.values.expires_at === undefined}
            onChange={(event) =>
              form.setFieldValue('expires_at', event.currentTarget.checked ? undefined : inDays(DAYS))
            }
          />
        )}
        <Impact rule={rule} />
        {settings.data?.approval_needed === true && <Text size="sm">{text.accept.approvalNeeded}</Text>}
        <Button type="submit" loading={create.isPending} className="fit">
          {settings.data?.approval_needed === true ? text.accept.ask : text.accept.submit}
        </Button>
      </Stack>
    </form>
  );
}
