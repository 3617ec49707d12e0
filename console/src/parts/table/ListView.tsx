import { Button, Group, Menu, NativeSelect, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { type ReactNode, useReducer } from 'react';

import type { Asked } from '../../api/read';
import { useSession } from '../../api/session';
import { NewsBar } from '../../live/NewsBar';
import type { Sort } from '../../live/news';
import { asTotal } from '../../format/number';
import { text } from '../../text/text';
import { ReadAt, ReadView } from '../States';
import { goneOn, pageBefore } from './before';
import { DataTable, type Picked } from './DataTable';
import { rememberColumns, rememberedColumns } from './remembered';

/** A page of a list, or a short list whole. */
export interface PageOf<T> {
  items: T[];
  next_page_token?: string | null;
  total: { count: number; type: string };
  /** Of when large numbers are, where they are kept. */
  counted_at?: string | null;
}

/** What the address says of any list. */
export interface ListSearch {
  page_token?: string;
  limit?: number;
  /** Columns that are not shown, with commas between them. */
  hide?: string;
}

interface ListViewProps<T> {
  label: string;
  read: Asked<PageOf<T>>;
  columns: ColumnDef<T>[];
  rowId: (row: T) => string;
  search: ListSearch;
  set: (change: ListSearch) => void;
  /** What stands there when the list has no rows. */
  empty: ReactNode;
  sort?: { by: string; set: (by: string) => void };
  /** The instant that the list is looked at, as the address has it. */
  asOf?: string;
  picked?: Picked<T>;
  current?: string;
  onRow?: (row: T) => void;
  /** Buttons above the list. */
  actions?: ReactNode;
  /** What happens that makes the list another one; nothing is said of it when absent. */
  news?: readonly Sort[];
}

const LIMITS = [50, 100, 500, 1000];
/** Rows of a page when the address does not say. */
export const LIMIT_DEFAULT = 100;

/** A list with its pages: the page, the filter and the columns stand in the address. */
export function ListView<T>(props: ListViewProps<T>) {
  const { read, search, set, columns } = props;
  const { me } = useSession();
  const [, redraw] = useReducer((times: number) => times + 1, 0);
  // What a link says is shown; where it says nothing, what was chosen here the last time.
  const hide = search.hide ?? rememberedColumns(() => localStorage, me.id, props.label);
  const hidden = hide?.split(',') ?? [];
  return (
    <>
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="xs">
          {read.data && (
            <Text size="sm" role="status">
              {text.table.total(asTotal(read.data.total), read.data.total.count)}
            </Text>
          )}
          <ReadAt read={read} asOf={props.asOf} countedAt={read.data?.counted_at} />
        </Group>
        <Group gap="xs">
          {props.actions}
          <Columns
            columns={columns}
            hidden={hidden}
            set={(next) => {
              rememberColumns(() => localStorage, me.id, props.label, next);
              redraw();
              set({ hide: next, page_token: search.page_token });
            }}
          />
        </Group>
      </Group>
      <ReadView read={read} lines={10}>
        {(data) =>
          data.items.length === 0 ? (
            <>{props.empty}</>
          ) : (
            <DataTable
              label={props.label}
              columns={columns}
              rows={data.items}
              rowId={props.rowId}
              total={data.total.type === 'EXACT' ? data.total.count : undefined}
              hidden={hidden}
              sort={props.sort}
              picked={props.picked}
              current={props.current}
              onRow={props.onRow}
            />
          )
        }
      </ReadView>
      {read.data &&
        (read.data.next_page_token != null ||
          search.page_token !== undefined ||
          read.data.items.length > 50) && (
          <Pager
            next={read.data.next_page_token ?? undefined}
            isOnItsWay={read.isPlaceholderData}
            search={search}
            set={set}
          />
        )}
      {props.news && props.asOf === undefined && <NewsBar read={read} of={props.news} />}
    </>
  );
}

interface PagerProps {
  next: string | undefined;
  /** Whether the rows are those of the page before still. */
  isOnItsWay: boolean;
  search: ListSearch;
  set: (change: ListSearch) => void;
}

/** First, back and next; pages are found by the place where the one before ended, so there is no last. */
export function Pager({ next, isOnItsWay, search, set }: PagerProps) {
  const isFirst = search.page_token === undefined;
  return (
    <Group component="nav" justify="space-between" mt="sm" aria-label={text.table.pages}>
      <Group gap="xs">
        <Button variant="default" size="xs" disabled={isFirst} onClick={() => set({ page_token: undefined })}>
          {text.table.first}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={isFirst}
          onClick={() => set({ page_token: pageBefore(search.page_token) })}
        >
          {text.table.back}
        </Button>
        <Button
          variant="default"
          size="xs"
          disabled={next === undefined}
          onClick={() => {
            // The next page of the page before is this one.
            if (next === undefined || isOnItsWay) return;
            goneOn(search.page_token, next);
            set({ page_token: next });
          }}
        >
          {text.table.next}
        </Button>
      </Group>
      <NativeSelect
        size="xs"
        aria-label={text.table.rowsAPage}
        value={String(search.limit ?? LIMIT_DEFAULT)}
        data={LIMITS.map((limit) => ({ value: String(limit), label: text.table.rows(limit) }))}
        onChange={(event) => set({ limit: Number(event.currentTarget.value) })}
      />
    </Group>
  );
}

interface ColumnsProps<T> {
  columns: ColumnDef<T>[];
  hidden: readonly string[];
  set: (hide: string | undefined) => void;
}

/** Which columns are shown. */
function Columns<T>({ columns, hidden, set }: ColumnsProps<T>) {
  const named = columns.filter((column) => column.id !== undefined && typeof column.header === 'string');
  // The first column says what a row is, and stays.
  const free = named.slice(1);
  if (free.length < 3) return null;
  return (
    <Menu closeOnItemClick={false}>
      <Menu.Target>
        <Button variant="default" size="xs">
          {text.table.columns}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {free.map((column) => {
          const id = column.id ?? '';
          const isShown = !hidden.includes(id);
          return (
            <Menu.CheckboxItem
              key={id}
              checked={isShown}
              onChange={() => {
                const next = isShown ? [...hidden, id] : hidden.filter((one) => one !== id);
                set(next.join(',') || undefined);
              }}
            >
              {column.header as string}
            </Menu.CheckboxItem>
          );
        })}
      </Menu.Dropdown>
    </Menu>
  );
}
