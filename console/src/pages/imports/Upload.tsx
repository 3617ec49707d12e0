import { Button, Card, FileButton, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { type DragEvent, type FormEvent, useRef, useState } from 'react';

import type { Schemas } from '../../api/client';
import { useWrite } from '../../api/read';
import { asBytes } from '../../format/number';
import { Failure } from '../../parts/States';
import { text } from '../../text/text';

interface Given {
  name: string;
  labels: string;
  file: File;
}

/** What an asset is called if nobody says it: the file without its endings. */
const nameOf = (file: File) => file.name.replace(/(\.(cdx|spdx|bom|sbom))?\.json$/i, '');

/** A document that is to be imported: picked or dropped, and what its asset is called. */
export function Upload({ onDone }: { onDone: (one: Schemas['Import']) => void }) {
  const [file, setFile] = useState<File>();
  const [name, setName] = useState('');
  const [labels, setLabels] = useState('');
  const [wasAsked, setAsked] = useState(false);
  const [isOver, setOver] = useState(false);
  const forget = useRef<() => void>(null);
  const send = useWrite(
    (api, given: Given) =>
      api.POST('/api/v1/imports', {
        params: { query: { name: given.name, labels: given.labels || undefined } },
        // The document goes as it is: what it is, the server says.
        body: given.file as unknown as Record<string, never>,
        bodySerializer: (body: unknown) => body as File,
        headers: { 'Content-Type': 'application/json' },
      }),
    {
      quiet: true,
      onDone: (one) => {
        setFile(undefined);
        setName('');
        setLabels('');
        setAsked(false);
        onDone(one);
      },
    },
  );
  function take(next: File | null | undefined) {
    if (next == null) return;
    // The browser says nothing when the file that is picked is the one before; it may have been changed since.
    forget.current?.();
    setFile(next);
    setName((old) => old || nameOf(next));
    send.reset();
  }
  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    setAsked(true);
    if (file !== undefined && name.trim() !== '') send.mutate({ name: name.trim(), labels, file });
  }
  return (
    <Card
      withBorder
      mb="md"
      component="section"
      aria-label={text.imports.bring}
      onDragOver={(event: DragEvent) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
      bd={isOver ? '2px dashed var(--mantine-color-blue-6)' : undefined}
    >
      <form onSubmit={submit} noValidate>
        <Stack gap="sm">
          <Title order={2} size="h5">
            {text.imports.bring}
          </Title>
          <Text size="sm" c="dimmed">
            {isOver ? text.imports.drop : text.imports.bringDetail}
          </Text>
          <Group align="flex-start">
            <FileButton onChange={take} resetRef={forget} accept="application/json,.json">
              {(props) => (
                <Button {...props} variant="default" mt={24}>
                  {text.imports.pick}
                </Button>
              )}
            </FileButton>
            <TextInput
              label={text.imports.name}
              description={text.imports.nameDetail}
              inputWrapperOrder={['label', 'input', 'description', 'error']}
              required
              value={name}
              error={
                send.error?.fields.name ??
                (wasAsked && name.trim() === '' ? text.imports.nameMissing : undefined)
              }
              onChange={(event) => setName(event.currentTarget.value)}
            />
            <TextInput
              label={text.imports.labels}
              description={text.imports.labelsDetail}
              inputWrapperOrder={['label', 'input', 'description', 'error']}
              placeholder="team=web, stage=test"
              value={labels}
              error={send.error?.fields.labels}
              onChange={(event) => setLabels(event.currentTarget.value)}
            />
            <Button type="submit" mt={24} loading={send.isPending}>
              {text.imports.send}
            </Button>
          </Group>
          <Text size="sm" role="status" c={wasAsked && file === undefined ? 'red' : undefined}>
            {file !== undefined
              ? text.imports.picked(file.name, asBytes(file.size))
              : wasAsked && text.imports.fileMissing}
          </Text>
          {send.error && <Failure error={send.error} />}
        </Stack>
      </form>
    </Card>
  );
}
