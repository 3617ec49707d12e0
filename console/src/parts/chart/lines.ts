/** A line of a chart. */
export interface Line {
  name: string;
  label: string;
  color: string;
}

/** An instant with the value of each line; nothing where it is not known. */
export type Point = { at: string } & Record<string, number | string | null>;
