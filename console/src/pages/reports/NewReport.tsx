import { Alert, Button, Modal, Stack } from '@mantine/core';
import { useForm } from '@mantine/form';

import { useWrite } from '../../api/read';
import { useFocusBack } from '../../parts/focus';
import { text } from '../../text/text';
import { EMPTY, type SpecValues, toSpec } from './spec';
import { SpecFields } from './SpecFields';

/** Asks for a report. */
export function NewReport({ close }: { close: () => void }) {
  useFocusBack();
  const form = useForm<SpecValues>({ initialValues: { ...EMPTY, title: text.report.usual } });
  const ask = useWrite((api, values: SpecValues) => api.POST('/api/v1/reports', { body: toSpec(values) }), {
    done: text.report.asked,
    onDone: close,
    quiet: true,
  });
  const submit = (values: SpecValues) =>
    ask.mutate(values, {
      onError: (error) => form.setErrors({ ...error.fields, title: error.fields.name }),
    });
  return (
    <Modal
      opened
      onClose={close}
      title={text.report.create}
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      <form onSubmit={form.onSubmit(submit)}>
        <Stack>
          {ask.error && (
            <Alert color="red" variant="outline" role="alert">
              {ask.error.message}
            </Alert>
          )}
          <SpecFields form={form} />
          <Button type="submit" loading={ask.isPending} className="fit">
            {text.report.make}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
