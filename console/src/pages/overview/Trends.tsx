import { Card, Group, SegmentedControl, Stack, Text, Title } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo } from 'react';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asNumber } from '../../format/number';
import { asDay, asInstant } from '../../format/time';
import { Lines } from '../../parts/chart/Lines';
import type { Point } from '../../parts/chart/lines';
import { Moment } from '../../parts/Moment';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { asDays, change, LINES, pointsOf, TRENDS, type Trend } from './trend';

const route = getRouteApi('/app/');

const TEN_MINUTES_MS = 600_000;

/** How exposure, open findings and the time to fix went, as they were measured hour by hour. */
export function Trends() {
  const { span = 'quarter' } = route.useSearch();
  const navigate = route.useNavigate();
  const step = span === 'week' ? 'hour' : 'day';
  const read = useRead(
    ['overview', 'statistics', step],
    (api) => api.GET('/api/v1/statistics', { params: { query: { step } } }),
    { every: TEN_MINUTES_MS },
  );
  return (
    <section aria-label={text.trend.title}>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          {text.trend.title}
        </Title>
        <SegmentedControl
          size="xs"
          aria-label={text.trend.span}
          value={span}
          data={[
            { value: 'week', label: text.trend.week },
            { value: 'quarter', label: text.trend.quarter },
          ]}
          onChange={(next) =>
            void navigate({ search: (old) => ({ ...old, span: next === 'week' ? 'week' : undefined }) })
          }
        />
      </Group>
      <ReadView read={read} lines={6}>
        {(data) =>
          data.items.length === 0 ? (
            <Text c="dimmed">{text.trend.none}</Text>
          ) : (
            <Stack gap="xs">
              <Text size="sm" c="dimmed">
                {text.trend.measured} <Moment at={data.as_of} as="instant" />
              </Text>
              <div className="halves">
                {TRENDS.map((what) => (
                  <Panel key={what} what={what} items={data.items} step={step} />
                ))}
              </div>
            </Stack>
          )
        }
      </ReadView>
    </section>
  );
}

interface PanelProps {
  what: Trend;
  items: Schemas['StatisticsItem'][];
  step: 'hour' | 'day';
}

/** A day of the server's is one of UTC, whatever day the reader has then. */
const asDayOfServer = (at: string) => asDay(at.slice(0, 10));

function Panel({ what, items, step }: PanelProps) {
  // The same as long as they are: what is drawn of them is not drawn anew.
  const points = useMemo(() => pointsOf(what, items), [what, items]);
  const when = step === 'day' ? asDayOfServer : asInstant;
  const how = what === 'fix' ? asDays : asNumber;
  return (
    <Card withBorder padding="md" component="section" aria-label={text.trend.titles[what]}>
      <Title order={3} size="h5">
        {text.trend.titles[what]}
      </Title>
      <Text size="sm" c="dimmed" mb="xs">
        {text.trend.details[what]}
      </Text>
      <Changed points={points} what={what} how={how} />
      <Lines name={text.trend.titles[what]} points={points} lines={LINES[what]} when={when} how={how} />
    </Card>
  );
}

interface ChangedProps {
  what: Trend;
  points: Point[];
  how: (value: number) => string;
}

/** By how much the first line changed, in words: nobody has to see that one end is higher than the other. */
function Changed({ what, points, how }: ChangedProps) {
  const [first] = LINES[what];
  const by = first && change(points, first.name);
  if (what === 'flow' || first === undefined || by === undefined) return null;
  return <Text size="sm">{text.trend.changed(first.label, by, how(Math.abs(by)))}</Text>;
}
