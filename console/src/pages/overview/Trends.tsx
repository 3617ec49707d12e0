import { Card, Group, SegmentedControl, Skeleton, Stack, Text, Title } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asNumber } from '../../format/number';
import { asDay, asInstant } from '../../format/time';
import { Moment } from '../../parts/Moment';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { asDays, change, LINES, type Point, pointsOf, TRENDS, type Trend } from './trend';

const route = getRouteApi('/app/');
const Chart = lazy(() => import('./TrendChart'));

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

function Panel({ what, items, step }: PanelProps) {
  const points = pointsOf(what, items);
  // A day of the server's is one of UTC, whatever day the reader has then.
  const when = (at: string) => (step === 'day' ? asDay(at.slice(0, 10)) : asInstant(at));
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
      {/* The table below says the same to who does not see the lines. */}
      <div aria-hidden="true">
        <Suspense fallback={<Skeleton height={220} />}>
          <Chart points={points} lines={LINES[what]} when={when} how={how} />
        </Suspense>
      </div>
      <details className="trend-table">
        <summary>{text.trend.asTable}</summary>
        <Values what={what} points={points} when={when} how={how} />
      </details>
    </Card>
  );
}

interface ValuesProps {
  what: Trend;
  points: Point[];
  when: (at: string) => string;
  how: (value: number) => string;
}

/** By how much the first line changed, in words: nobody has to see that one end is higher than the other. */
function Changed({ what, points, how }: Omit<ValuesProps, 'when'>) {
  const [first] = LINES[what];
  const by = first && change(points, first.name);
  if (what === 'flow' || first === undefined || by === undefined) return null;
  return <Text size="sm">{text.trend.changed(first.label, by, how(Math.abs(by)))}</Text>;
}

/** The values that the lines are drawn of, the newest first. */
function Values({ what, points, when, how }: ValuesProps) {
  const name = text.trend.titles[what];
  return (
    // A box that scrolls can be reached by the keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-box" tabIndex={0} role="region" aria-label={text.trend.valuesOf(name)}>
      <table className="data-table">
        <caption className="visually-hidden">{name}</caption>
        <thead>
          <tr>
            <th scope="col">{text.trend.when}</th>
            {LINES[what].map((line) => (
              <th scope="col" key={line.name} className="number">
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {points.toReversed().map((point) => (
            <tr key={point.at}>
              <td>{when(point.at)}</td>
              {LINES[what].map(({ name }) => {
                const value = point[name];
                return (
                  <td key={name} className="number">
                    {typeof value === 'number' ? how(value) : text.common.unknown}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
