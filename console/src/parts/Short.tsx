import { Text, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';

import type { Schemas } from '../api/client';
import { asTotal } from '../format/number';
import { text } from '../text/text';

/** A list that comes whole, or cut where it says so. */
interface Short {
  total: Schemas['Total'];
}

/** How many rows a list that comes whole has, and that it has more where it was cut. */
export function ShortTotal({ of }: { of: Short | undefined }) {
  if (of === undefined) return null;
  return (
    <Text size="sm" role="status">
      {text.table.total(asTotal(of.total), of.total.count)}
      {of.total.type !== 'EXACT' && `, ${text.table.cut}`}
    </Text>
  );
}

/** From so many rows on there is a field to look for one. */
const SEARCHED_FROM = 10;

interface SearchProps<T> {
  items: readonly T[];
  /** What is looked for: a part of this. */
  of: (item: T) => string;
  label: string;
  children: (found: readonly T[]) => ReactNode;
}

/** The rows of a list that is here as a whole that have some words; what is typed is gone with the page, as the list is. */
export function Searched<T>({ items, of, label, children }: SearchProps<T>) {
  const [typed, setTyped] = useState('');
  const wanted = typed.trim().toLowerCase();
  const found = items.filter((item) => of(item).toLowerCase().includes(wanted));
  return (
    <>
      {(items.length >= SEARCHED_FROM || typed !== '') && (
        <TextInput
          my="xs"
          maw={320}
          label={label}
          value={typed}
          autoComplete="off"
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      )}
      {found.length === 0 ? <Text c="dimmed">{text.table.noneFound}</Text> : children(found)}
    </>
  );
}
