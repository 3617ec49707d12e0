import '@mantine/charts/styles.css';

import { LineChart } from '@mantine/charts';

import type { Line, Point } from './lines';

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

/** Lines over time. Apart from everything else, because nothing but this takes the library that draws. */
export default function LinesChart({ points, lines, when, how, isWhole = false }: LinesChartProps) {
  return (
    <LineChart
      h={220}
      data={points.map((point) => ({ ...point, at: when(point.at) }))}
      dataKey="at"
      series={lines.map(({ name, label, color }) => ({ name, label, color }))}
      curveType="linear"
      withDots={points.length < 3}
      withLegend
      // As the lines stand, by severity, and not by their names.
      legendProps={{ itemSorter: null }}
      valueFormatter={how}
      // What is missing is not drawn as if it were known.
      connectNulls={false}
      xAxisProps={{ minTickGap: 32 }}
      yAxisProps={{ width: 56, allowDecimals: !isWhole }}
      tooltipAnimationDuration={0}
      lineChartProps={{ accessibilityLayer: false }}
      lineProps={{ isAnimationActive: false }}
    />
  );
}
