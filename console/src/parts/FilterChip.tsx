import { Button } from '@mantine/core';

import { useRead } from '../api/read';
import { text } from '../text/text';
import { toFilters } from './focus';

interface FilterChipProps {
  /** What is filtered by. */
  label: string;
  /** The value, by its name. */
  name: string;
  remove: () => void;
}

/** A filter that a link has set and no field shows: what it is, and a way to take it away. */
export function FilterChip({ label, name, remove }: FilterChipProps) {
  return (
    <Button
      variant="default"
      size="sm"
      className="chip"
      aria-label={text.common.without(label, name)}
      rightSection={<span aria-hidden="true">×</span>}
      onClick={(event) => {
        toFilters(event.currentTarget);
        remove();
      }}
    >
      {label}: {name}
    </Button>
  );
}

/** The beginning of an id, for what is called nothing, or not yet. */
export const shortId = (id: string): string => id.slice(0, 8);

/** That only what has to do with some software is listed. */
export function SoftwareChip({ id, remove }: { id: string; remove: () => void }) {
  const { data } = useRead(['software', id], (api) =>
    api.GET('/api/v1/software/{software}', { params: { path: { software: id } } }),
  );
  const name = data ? `${data.name} ${data.version}` : shortId(id);
  return <FilterChip label={text.software.one} name={name} remove={remove} />;
}
