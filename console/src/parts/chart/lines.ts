/** A line of a chart. */
export interface Line {
  name: string;
  label: string;
  /** One of the theme's: `red.9`. */
  color: string;
}

/** An instant with the value of each line; nothing where it is not known. */
export type Point = { at: string } & Record<string, number | string | null>;

/** What is drawn: the place of each point, then the values of each line. */
export type Columns = [number[], ...(number | null)[][]];

/** The columns of points. They stand side by side, as in the table: what was not measured has no place. */
export function columnsOf(points: readonly Point[], lines: readonly Line[]): Columns {
  const places = points.map((_, place) => place);
  const values = lines.map(({ name }) =>
    points.map((point) => {
      const value = point[name];
      return typeof value === 'number' ? value : null;
    }),
  );
  return [places, ...values];
}

/** The upper end of a scale that begins at nothing: a little above the most. Whole where values are. */
export function upperEnd(most: number | null | undefined, isWhole: boolean): number {
  if (most == null || most <= 0) return 1;
  const end = most * 1.05;
  return isWhole ? Math.ceil(end) : end;
}

/** From step to step of a scale, as people count: 1, 2, 5, 10 and so on; from hundredths on where values are not whole. */
export function stepsOf(isWhole: boolean): number[] {
  const steps: number[] = [];
  for (let power = isWhole ? 0 : -2; power < 13; power += 1) {
    for (const digit of [1, 2, 5]) steps.push(Number(`${digit}e${power}`));
  }
  return steps;
}
