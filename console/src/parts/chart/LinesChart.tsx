import 'uplot/dist/uPlot.min.css';

import { memo, useEffect, useRef, useState } from 'react';
import Plot from 'uplot';

import { text } from '../../text/text';
import { columnsOf, type Line, type Point, stepsOf, upperEnd } from './lines';

interface LinesChartProps {
  points: Point[];
  lines: readonly Line[];
  /** How an instant is written. */
  when: (at: string) => string;
  /** How a number is written. */
  how: (value: number) => string;
  /** Whether there is nothing between two whole numbers. */
  isWhole?: boolean;
}

const HEIGHT_PX = 190;
/** Room for the numbers beside the lines, and between two instants below them. */
const NUMBERS_PX = 64;
const INSTANTS_PX = 96;
/** So few points are drawn as such: between them there is hardly a line. */
const DOTS_MAX = 2;

/** The name of a colour of the theme among the styles. */
const variableOf = (color: string) => `--mantine-color-${color.replace('.', '-')}`;

/** What a colour of the theme is at the moment: a picture knows no variables. */
const colorOf = (variable: string) =>
  getComputedStyle(document.documentElement).getPropertyValue(variable).trim();

/**
 * Lines over time, with the values of the instant that is pointed at. Apart from everything else, because nothing but this
 * takes the library that draws. Drawn again only for other values.
 */
export default memo(function LinesChart({ points, lines, when, how, isWhole = false }: LinesChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState<{ place: number; left: number }>();

  useEffect(() => {
    const into = box.current;
    if (into === null) return undefined;
    const axis = {
      stroke: () => colorOf('--mantine-color-dimmed'),
      grid: { stroke: () => colorOf('--mantine-color-default-border'), width: 1 },
      ticks: { show: false },
    };
    const plot = new Plot(
      {
        width: Math.max(into.clientWidth, 1),
        height: HEIGHT_PX,
        legend: { show: false },
        // Nothing is cut out of the time: there are spans to choose.
        cursor: { y: false, drag: { x: false, y: false, setScale: false } },
        scales: {
          x: { time: false },
          y: { range: (_, _least, most) => [0, upperEnd(most, isWhole)] },
        },
        axes: [
          {
            ...axis,
            space: INSTANTS_PX,
            incrs: stepsOf(true),
            values: (_, places) => places.map((place) => whenAt(points, place, when)),
          },
          {
            ...axis,
            size: NUMBERS_PX,
            incrs: stepsOf(isWhole),
            values: (_, values) => values.map((value) => how(value)),
          },
        ],
        series: [
          {},
          ...lines.map(({ label, color }) => ({
            label,
            stroke: () => colorOf(variableOf(color)),
            width: 2,
            // What is missing is not drawn as if it were known.
            spanGaps: false,
            points: { show: points.length <= DOTS_MAX },
          })),
        ],
        hooks: {
          setCursor: [
            ({ cursor, over }) => {
              const place = cursor.idx ?? -1;
              const left = (cursor.left ?? -1) + over.offsetLeft;
              const isOver = place >= 0 && (cursor.left ?? -1) >= 0;
              setSeen(isOver ? { place, left } : undefined);
            },
          ],
        },
      },
      columnsOf(points, lines),
      into,
    );
    const resized = new ResizeObserver(() =>
      plot.setSize({ width: Math.max(into.clientWidth, 1), height: HEIGHT_PX }),
    );
    resized.observe(into);
    // In dark the same lines are other colours.
    const dimmed = new MutationObserver(() => plot.redraw(false, true));
    dimmed.observe(document.documentElement, { attributeFilter: ['data-mantine-color-scheme'] });
    return () => {
      resized.disconnect();
      dimmed.disconnect();
      plot.destroy();
    };
  }, [points, lines, when, how, isWhole]);

  const point = seen && points[seen.place];
  return (
    <div className="lines">
      <ul className="lines-names">
        {lines.map((line) => (
          <li key={line.name}>
            <Swatch of={line} />
            {line.label}
          </li>
        ))}
      </ul>
      <div className="lines-box" ref={box}>
        {seen && point && (
          <div
            className="lines-values"
            data-side={seen.left > (box.current?.clientWidth ?? 0) / 2 ? 'left' : 'right'}
            style={{ left: seen.left }}
          >
            <div>{when(point.at)}</div>
            {lines.map((line) => {
              const value = point[line.name];
              return (
                <div key={line.name}>
                  <Swatch of={line} />
                  {line.label}: {typeof value === 'number' ? how(value) : text.common.unknown}
                </div>
              );
            })}
          </div>
        )}
      </div>
    </div>
  );
});

/** The instant of a place, where there is one: a scale also has steps between points. */
function whenAt(points: readonly Point[], place: number, when: (at: string) => string): string {
  const point = points[place];
  return point === undefined ? '' : when(point.at);
}

function Swatch({ of }: { of: Line }) {
  return <span className="lines-swatch" style={{ background: `var(${variableOf(of.color)})` }} />;
}
