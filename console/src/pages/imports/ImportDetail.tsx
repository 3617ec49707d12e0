import { Alert, Code, Group, List, Progress, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';

import type { Schemas } from '../../api/client';
import { follow } from '../../api/live';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asBytes, asNumber } from '../../format/number';
import { Actor } from '../../parts/Actor';
import { Confirm } from '../../parts/Confirm';
import { Facts } from '../../parts/Facts';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { isOver, State, whileGoingOn } from './state';

type Import = Schemas['Import'];
interface ImportDetailProps {
  id: string;
  /** Whether it is known to be over: nothing has come of it since the lists were read then. */
  isKnown: boolean;
}

/** An import, as it goes on. */
export function ImportDetail({ id, isKnown }: ImportDetailProps) {
  const { me, company } = useSession();
  const queries = useQueryClient();
  const [wasKnown] = useState(isKnown);
  const [live, setLive] = useState(true);
  const read = useRead(
    ['imports', 'one', id],
    (api) => api.GET('/api/v1/imports/{import}', { params: { path: { import: id } } }),
    // Where its stream does not get through, or has ended before the import has.
    { every: (one) => (live ? false : whileGoingOn(one && [one])) },
  );
  const hasEnded = read.data !== undefined && isOver(read.data);
  const goesOn = read.data !== undefined && !hasEnded;
  useEffect(() => {
    if (!goesOn) return undefined;
    const stop = new AbortController();
    const path = `/api/v1/imports/${encodeURIComponent(id)}/events`;
    const take = (event: unknown) => queries.setQueryData([me.id, company, 'imports', 'one', id], event);
    void follow(path, company, stop.signal, take)
      .catch(() => undefined)
      .then(() => {
        if (!stop.signal.aborted) setLive(false);
      });
    return () => stop.abort();
  }, [goesOn, id, company, me.id, queries]);
  useEffect(() => {
    // What came of it shows in every list.
    if (hasEnded && !wasKnown) void queries.invalidateQueries({ queryKey: [me.id, company] });
  }, [hasEnded, wasKnown, company, me.id, queries]);
  return (
    <ReadView read={read}>
      {(one) => (
        <Stack>
          <Standing one={one} />
          {!live && !isOver(one) && (
            <Text size="sm" c="dimmed">
              {text.imports.stale}
            </Text>
          )}
          <Outcome one={one} />
          <Warnings of={one.warnings} />
          <Log of={one} />
        </Stack>
      )}
    </ReadView>
  );
}

/** How far it is, and the way to stop it. */
function Standing({ one }: { one: Import }) {
  const { may } = useSession();
  const cancel = useWrite(
    (api) => api.DELETE('/api/v1/imports/{import}', { params: { path: { import: one.id } } }),
    { done: text.imports.cancelled },
  );
  const all = Math.max(one.software, 1);
  const progress = text.imports.progress(one.judged, one.software);
  return (
    <>
      <Group justify="space-between">
        <Group gap="xs">
          <Go to="/hosts/$host" params={{ host: one.host }} search={{ tab: 'software' }} fw={600}>
            {one.name}
          </Go>
          <State of={one} />
        </Group>
        {may('imports:write') && !isOver(one) && (
          <Confirm
            label={text.imports.cancel}
            detail={text.imports.cancelDetail}
            onConfirm={() => cancel.mutate()}
          />
        )}
      </Group>
      {one.error != null && (
        <Alert color={one.state === 'failed' ? 'red' : 'gray'} variant="outline" role="status">
          {one.error}
        </Alert>
      )}
      {!isOver(one) && (
        <div>
          <Progress value={(100 * one.judged) / all} aria-label={progress} />
          <Text size="sm" c="dimmed" mt={4} role="status">
            {progress}
          </Text>
        </div>
      )}
    </>
  );
}

function Outcome({ one }: { one: Import }) {
  const came = text.imports.came(one.opened, one.closed, one.unchanged);
  return (
    <Facts
      of={[
        [text.imports.outcome, one.state === 'done' ? came : undefined],
        [text.imports.findings, text.imports.findingsDetail(one.findings)],
        [text.imports.components, asNumber(one.components)],
        [text.imports.software, asNumber(one.software)],
        [text.imports.format, `${text.imports.formats[one.format as 'spdx']} ${one.version}`],
        [text.imports.size, asBytes(one.bytes)],
        [text.imports.sha256, <Code key="h">{one.sha256}</Code>],
        [text.imports.by, <Actor key="by" word={one.created_by} name={one.created_by_name} />],
        [text.imports.at, <Moment key="c" at={one.created_at} as="instant" />],
        [
          text.imports.took,
          one.ended_at == null ? undefined : <Moment key="e" at={one.ended_at} as="instant" />,
        ],
      ]}
    />
  );
}

/** What of the document is left out, or is not as it should be. */
function Warnings({ of }: { of: Import['warnings'] }) {
  if (of.length === 0) return null;
  return (
    <section>
      <Title order={2} size="h5" mb="xs">
        {text.imports.warnings}
      </Title>
      <List size="sm">
        {of.map((one) => (
          <List.Item key={one.kind}>
            {text.imports.warned(one.count, text.imports.warning[one.kind] ?? one.kind)}
            <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>
              {one.examples.join(', ')}
              {one.count > one.examples.length && ' …'}
            </Text>
          </List.Item>
        ))}
      </List>
    </section>
  );
}

function Log({ of }: { of: Import }) {
  return (
    <section>
      <Title order={2} size="h5" mb="xs">
        {text.imports.log}
      </Title>
      <div role="log" aria-label={text.imports.log}>
        <List size="sm" type="ordered">
          {of.log.map((line, number) => (
            <List.Item key={number}>
              <Moment at={line.at} as="instant" /> {line.text}
            </List.Item>
          ))}
        </List>
      </div>
    </section>
  );
}
