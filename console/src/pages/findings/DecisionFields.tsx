import { Checkbox, NativeSelect, Textarea } from '@mantine/core';

import { InstantField } from '../../parts/fields';
import { text } from '../../text/text';
import { JUSTIFICATIONS, STATUSES } from '../exceptions/words';
import { type useDecision, usualEnd } from './decision';

/** What is said of findings that are accepted, why, and until when. */
export function DecisionFields({ form }: { form: ReturnType<typeof useDecision> }) {
  const { status } = form.values;
  return (
    <>
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
            form.setFieldValue('expires_at', event.currentTarget.checked ? undefined : usualEnd())
          }
        />
      )}
    </>
  );
}
