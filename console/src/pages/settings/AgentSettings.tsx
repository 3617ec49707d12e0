import { Alert, Button, Checkbox, Group, NativeSelect, NumberInput, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useQuery } from '@tanstack/react-query';

import type { Schemas } from '../../api/client';
import { type ApiError, unwrapVersioned } from '../../api/problem';
import { useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asSpan } from '../../format/time';
import { useFocusKept } from '../../parts/focus';
import { useRenewed } from '../../parts/renewed';
import { ReadAt, ReadView } from '../../parts/States';
import { SOURCES, text } from '../../text/text';

type Settings = Schemas['Settings'];

/** What the company's agents are told. */
export function AgentSettings() {
  const { me, company, api } = useSession();
  const read = useQuery<{ value: Settings; etag: string }, ApiError>({
    queryKey: [me.id, company, 'settings'],
    queryFn: () => unwrapVersioned(api.GET('/api/v1/settings')),
    refetchOnWindowFocus: false,
  });
  return (
    <>
      <ReadAt read={read} />
      <ReadView read={read}>{({ value, etag }) => <Form settings={value} etag={etag} />}</ReadView>
    </>
  );
}

interface Values {
  heartbeat_every_s: number;
  scan_every_s: number;
  sources_off: Schemas['Source'][];
  visits: '' | 'true' | 'false';
}

function valuesOf(settings: Settings): Values {
  return {
    heartbeat_every_s: settings.heartbeat_every_s,
    scan_every_s: settings.scan_every_s,
    sources_off: settings.sources_off,
    visits: settings.visits == null ? '' : settings.visits ? 'true' : 'false',
  };
}

function Form({ settings, etag }: { settings: Settings; etag: string }) {
  const { may } = useSession();
  const form = useForm<Values>({ initialValues: valuesOf(settings) });
  useRenewed(etag, () => form.setValues(valuesOf(settings)));
  const save = useWrite(
    (api, body: Settings) => api.PUT('/api/v1/settings', { params: { header: { 'If-Match': etag } }, body }),
    { done: text.settings.saved, quiet: true },
  );
  const button = useFocusKept(String(save.isPending));
  const mayWrite = may('settings:write');
  const { values } = form;
  return (
    <form
      onSubmit={form.onSubmit(({ visits, ...rest }) =>
        save.mutate(
          { ...rest, visits: toVisits(visits) },
          { onError: (error) => form.setErrors(error.fields) },
        ),
      )}
    >
      <Stack maw={520}>
        {save.error && (
          <Alert color="red" variant="outline" role="alert">
            {save.error.message}
          </Alert>
        )}
        {!mayWrite && <Text c="dimmed">{text.settings.readOnly}</Text>}
        <NumberInput
          label={text.settings.heartbeat}
          description={asSpan(values.heartbeat_every_s)}
          min={1}
          disabled={!mayWrite}
          {...form.getInputProps('heartbeat_every_s')}
        />
        <NumberInput
          label={text.settings.scan}
          description={asSpan(values.scan_every_s)}
          min={1}
          disabled={!mayWrite}
          {...form.getInputProps('scan_every_s')}
        />
        <NativeSelect
          label={text.settings.visits}
          disabled={!mayWrite}
          data={[
            { value: '', label: text.settings.visitsAuto },
            { value: 'true', label: text.settings.visitsYes },
            { value: 'false', label: text.settings.visitsNo },
          ]}
          {...form.getInputProps('visits')}
        />
        <Checkbox.Group
          label={text.settings.sourcesOff}
          description={text.settings.sourcesOffDetail}
          {...form.getInputProps('sources_off')}
        >
          <Group mt="xs">
            {SOURCES.map((source) => (
              <Checkbox key={source} value={source} label={text.source(source)} disabled={!mayWrite} />
            ))}
          </Group>
        </Checkbox.Group>
        {mayWrite && (
          <Button ref={button} type="submit" loading={save.isPending} className="fit">
            {text.common.save}
          </Button>
        )}
      </Stack>
    </form>
  );
}

/** The document says that it is yes or no, and takes nothing as well: the collector decides then. */
function toVisits(chosen: Values['visits']): Settings['visits'] {
  return (chosen === '' ? null : chosen === 'true') as Settings['visits'];
}
