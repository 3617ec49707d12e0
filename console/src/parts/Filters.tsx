import { Button, Group } from '@mantine/core';
import type { ReactNode } from 'react';

import { text } from '../text/text';

interface FiltersProps {
  children: ReactNode;
  /** Takes all filters away; absent when there are none. */
  clear?: () => void;
}

/** What a list is filtered by. All of it stands in the address. */
export function Filters({ children, clear }: FiltersProps) {
  return (
    <Group
      component="form"
      role="search"
      align="flex-end"
      gap="sm"
      mb="md"
      className="filters"
      aria-label={text.common.filters}
      onSubmit={(event) => event.preventDefault()}
    >
      {children}
      {clear && (
        <Button variant="subtle" size="sm" onClick={clear}>
          {text.common.clearFilters}
        </Button>
      )}
    </Group>
  );
}
