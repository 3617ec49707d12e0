import { Button, Group } from '@mantine/core';
import { createContext, type ReactNode, use, useEffect, useRef, useState } from 'react';

import { text } from '../text/text';
import { toFilters } from './focus';

interface FiltersProps {
  children: ReactNode;
  /** Takes all filters away; absent when there are none. */
  clear?: () => void;
}

/** How often all filters were taken away. */
const Clears = createContext(0);

/**
 * Calls back when all filters are taken away, for a field whose words were none that count and stand in no address. Gives
 * how often that was.
 */
export function useClears(onClear: () => void): number {
  const clears = use(Clears);
  const seen = useRef(clears);
  useEffect(() => {
    if (seen.current === clears) return;
    seen.current = clears;
    onClear();
  }, [clears, onClear]);
  return clears;
}

/** What a list is filtered by. All of it stands in the address, and is seen here. */
export function Filters({ children, clear }: FiltersProps) {
  const [clears, setClears] = useState(0);
  return (
    <Group
      component="form"
      role="search"
      align="flex-end"
      gap="sm"
      mb="md"
      className="filters"
      tabIndex={-1}
      aria-label={text.common.filters}
      onSubmit={(event) => event.preventDefault()}
    >
      <Clears value={clears}>{children}</Clears>
      {clear && (
        <Button
          variant="subtle"
          size="sm"
          onClick={(event) => {
            toFilters(event.currentTarget);
            setClears(clears + 1);
            clear();
          }}
        >
          {text.common.clearFilters}
        </Button>
      )}
    </Group>
  );
}
