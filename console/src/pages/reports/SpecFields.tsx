import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import type { UseFormReturnType } from '@mantine/form';

import { SEVERITIES } from '../../app/searches';
import { LabelFilter } from '../../parts/LabelFilter';
import { text } from '../../text/text';
import { FORMATS, type Kind, KINDS, type SpecValues } from './spec';

/** What a report is to be: the same for one that is made now and for a schedule. */
export function SpecFields<V extends SpecValues>({ form }: { form: UseFormReturnType<V> }) {
  const kind = form.values.kind as Kind;
  return (
    <>
      <TextInput label={text.common.name} required data-autofocus {...form.getInputProps('title')} />
      <NativeSelect
        label={text.report.kind}
        description={text.report.kindDetails[kind]}
        data={KINDS.map((one) => ({ value: one, label: text.report.kinds[one] }))}
        {...form.getInputProps('kind')}
      />
      <NativeSelect
        label={text.report.format}
        data={FORMATS[kind].map((one) => ({ value: one, label: text.report.formats[one] }))}
        {...form.getInputProps('format')}
      />
      <NativeSelect
        label={text.cve.severityMin}
        data={[
          { value: '', label: text.common.any },
          ...SEVERITIES.slice(2).map((one) => ({ value: one, label: text.severity[one] })),
        ]}
        {...form.getInputProps('severity_min')}
      />
      <Checkbox label={text.finding.kevOnly} {...form.getInputProps('kev', { type: 'checkbox' })} />
      {kind === 'findings' && (
        <LabelFilter value={form.values.label} set={(label) => form.setValues({ label } as Partial<V>)} />
      )}
    </>
  );
}
