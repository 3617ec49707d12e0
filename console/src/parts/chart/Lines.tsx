import { Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';

import { text } from '../../text/text';
import type { Line, Point } from './lines';

const Chart = lazy(() => import('./LinesChart'));

interface LinesProps {
  /** What the values are of. */
  name: string;
  points: Point[];
  lines: readonly Line[];
  /** How an instant is written. */
  when: (at: string) => string;
  /** How a number is written. */
  how: (value: number) => string;
  /** Whether there is nothing between two whole numbers. */
  isWhole?: boolean;
}

/** Lines over time, and their values as a table for who wants them or does not see lines. */
export function Lines(props: LinesProps) {
  const { points, lines, when, how, isWhole } = props;
  return (
    <>
      {/* The table below says the same to who does not see the lines. */}
      <div aria-hidden="true">
        <Suspense fallback={<Skeleton height={214} />}>
          <Chart points={points} lines={lines} when={when} how={how} isWhole={isWhole} />
        </Suspense>
      </div>
      <details className="trend-table">
        <summary>{text.trend.asTable}</summary>
        <Values {...props} />
      </details>
    </>
  );
}

/** The values that the lines are drawn of, the newest first. */
function Values({ name, points, lines, when, how }: LinesProps) {
  return (
    // A box that scrolls can be reached by the keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-box" tabIndex={0} role="region" aria-label={text.trend.valuesOf(name)}>
      <table className="data-table">
        <caption className="visually-hidden">{name}</caption>
        <thead>
          <tr>
            <th scope="col">{text.trend.when}</th>
            {lines.map((line) => (
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
              {lines.map((line) => {
                const value = point[line.name];
                return (
                  <td key={line.name} className="number">
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
