import { Card, Stack, Text, Title } from '@mantine/core';
import { useMemo } from 'react';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asNumber } from '../../format/number';
import { asDay } from '../../format/time';
import { Lines } from '../../parts/chart/Lines';
import { Moment } from '../../parts/Moment';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { DAYS, LINES, pointsOf, type Spread, spreadOf } from './spread';

const TEN_MINUTES_MS = 600_000;

/** On how many hosts a CVE was, day by day: how a patch rolls out. */
export function SpreadPanel({ cve }: { cve: string }) {
  const read = useRead(
    ['cve', cve, 'history'],
    (api) => api.GET('/api/v1/cves/{cve}/history', { params: { path: { cve }, query: { days: DAYS } } }),
    { every: TEN_MINUTES_MS },
  );
  return (
    <Card withBorder padding="md" component="section" aria-label={text.spread.title}>
      <Title order={2} size="h5">
        {text.spread.title}
      </Title>
      <Text size="sm" c="dimmed" mb="xs">
        {text.spread.detail(DAYS)}
      </Text>
      <ReadView read={read} lines={6}>
        {(history) => <Days history={history} />}
      </ReadView>
    </Card>
  );
}

function Days({ history }: { history: Schemas['CveHistory'] }) {
  const { items, recorded_since: since } = history;
  const points = useMemo(() => pointsOf(items), [items]);
  if (since == null) return <Text c="dimmed">{text.spread.notYet}</Text>;
  const spread = spreadOf(items);
  return (
    <Stack gap="xs">
      <Text size="sm" c="dimmed">
        {text.spread.now(items.at(-1)?.hosts ?? 0)} <Moment at={history.as_of} as="instant" />.{' '}
        {text.spread.since} <Moment at={since} as="day" />.
      </Text>
      {spread === undefined ? (
        <Text c="dimmed">{text.spread.fromTomorrow}</Text>
      ) : spread.most.hosts === 0 ? (
        <Text c="dimmed">{text.spread.none}</Text>
      ) : (
        <>
          <Said spread={spread} />
          <Lines name={text.spread.title} points={points} lines={LINES} when={asDay} how={asNumber} isWhole />
        </>
      )}
    </Stack>
  );
}

/** What the line shows, in words: nobody has to see that one end is lower than the other. */
function Said({ spread: { first, last, most } }: { spread: Spread }) {
  return (
    <Text size="sm">
      {text.spread.changed(last.hosts - first.hosts, asDay(first.day))}{' '}
      {text.spread.most(most.hosts, asDay(most.day))}
    </Text>
  );
}
