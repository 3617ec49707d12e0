import { Checkbox } from '@mantine/core';
import {
  type ColumnDef,
  flexRender,
  getCoreRowModel,
  type Header,
  type RowData,
  useReactTable,
} from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type MouseEvent, useEffect, useRef } from 'react';

import { text } from '../../text/text';

declare module '@tanstack/react-table' {
  // The names are the library's; what is added is what a column of ours may say of itself.
  // eslint-disable-next-line @typescript-eslint/no-unused-vars
  interface ColumnMeta<TData extends RowData, TValue> {
    /** The order of the list that goes by this column. */
    sort?: string;
    /** The same order the other way round: what a second press on the column's head asks for. */
    reversed?: string;
    /** Left out where there is little room. */
    wide?: boolean;
    /** The column holds numbers. */
    isNumber?: boolean;
    /** The column holds words of any length, which may be broken anywhere. */
    isLong?: boolean;
  }
}

/** Rows that are picked, by their ids. */
export interface Picked<T> {
  ids: ReadonlySet<string>;
  set: (ids: ReadonlySet<string>) => void;
  /** What a row is called, for who picks it without seeing it. */
  nameOf: (row: T) => string;
}

interface DataTableProps<T> {
  /** What the table is of, for who does not see it. */
  label: string;
  columns: ColumnDef<T>[];
  rows: readonly T[];
  rowId: (row: T) => string;
  /** How many rows there are in all, where that is known. */
  total?: number;
  /** The columns that are not shown, by their ids. */
  hidden?: readonly string[];
  sort?: { by: string; set: (by: string) => void };
  picked?: Picked<T>;
  /** The row that is looked at; it is scrolled to when it becomes another one. */
  current?: string;
  onRow?: (row: T) => void;
}

const ROW_PX = 44;
/** The head of the table, which stays over the rows. */
const HEAD_PX = 40;
/** From so many rows on only those that are seen are drawn. */
const VIRTUAL_FROM = 60;

/**
 * A table of any length, of which only what is seen is drawn. It is a table to assistive technology, with the
 * number of all rows and the place of each.
 */
export function DataTable<T>(props: DataTableProps<T>) {
  const { rows, columns, rowId, hidden = [], picked } = props;
  const box = useRef<HTMLDivElement>(null);
  const table = useReactTable<T>({
    data: rows as T[],
    columns,
    getRowId: rowId,
    getCoreRowModel: getCoreRowModel(),
    state: { columnVisibility: Object.fromEntries(hidden.map((id) => [id, false])) },
  });
  const all = table.getRowModel().rows;
  const isVirtual = all.length > VIRTUAL_FROM;
  const virtual = useVirtualizer({
    count: all.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    scrollPaddingStart: HEAD_PX,
    enabled: isVirtual,
  });
  const scrolledTo = useRef<string>(undefined);
  useEffect(() => {
    const { current } = props;
    if (current === scrolledTo.current) return;
    const index = all.findIndex((row) => row.id === current);
    if (current !== undefined && index < 0) return;
    scrolledTo.current = current;
    if (current === undefined) return;
    const row = box.current?.querySelector(`[data-row="${CSS.escape(current)}"]`);
    if (row) row.scrollIntoView({ block: 'nearest' });
    else virtual.scrollToIndex(index);
  });
  const seen = isVirtual ? virtual.getVirtualItems().map((item) => item.index) : all.map((_, index) => index);
  const first = isVirtual ? (virtual.getVirtualItems()[0]?.start ?? 0) : 0;
  const last = isVirtual ? virtual.getTotalSize() - (virtual.getVirtualItems().at(-1)?.end ?? 0) : 0;
  const width = table.getVisibleLeafColumns().length + (picked ? 1 : 0);

  return (
    // A box that scrolls can be reached by the keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="table-box" ref={box} tabIndex={0} role="region" aria-label={props.label}>
      <table className="data-table" aria-rowcount={(props.total ?? all.length) + 1}>
        <caption className="visually-hidden">{props.label}</caption>
        <thead>
          {table.getHeaderGroups().map((group) => (
            <tr key={group.id} aria-rowindex={1}>
              {picked && <PickAll ids={all.map((row) => row.id)} picked={picked} />}
              {group.headers.map((header) => (
                <Head key={header.id} header={header} sort={props.sort} />
              ))}
            </tr>
          ))}
        </thead>
        <tbody>
          {first > 0 && <Gap height={first} width={width} />}
          {seen.map((index) => {
            const row = all[index];
            if (row === undefined) return null;
            const isCurrent = row.id === props.current;
            return (
              <tr
                key={row.id}
                data-index={index}
                data-row={row.id}
                ref={isVirtual ? virtual.measureElement : undefined}
                aria-rowindex={index + 2}
                aria-current={isCurrent ? 'true' : undefined}
                className={isCurrent ? 'current' : undefined}
                onClick={
                  props.onRow &&
                  ((event) => {
                    if (!isForPart(event)) props.onRow?.(row.original);
                  })
                }
              >
                {picked && <Pick row={row.original} id={row.id} picked={picked} />}
                {row.getVisibleCells().map((cell) => {
                  const meta = cell.column.columnDef.meta;
                  return (
                    <td key={cell.id} className={classOf(meta)}>
                      {flexRender(cell.column.columnDef.cell, cell.getContext())}
                    </td>
                  );
                })}
              </tr>
            );
          })}
          {last > 0 && <Gap height={last} width={width} />}
        </tbody>
      </table>
    </div>
  );
}

/** Whether a click in a row was for a part of it that does something itself: a link, a button or a field. */
function isForPart(event: MouseEvent<HTMLTableRowElement>): boolean {
  const { target, currentTarget } = event;
  // What a dialog is clicked at that a row has opened comes by here as well.
  if (!(target instanceof Element) || !currentTarget.contains(target)) return true;
  return event.defaultPrevented || target.closest('a, button, input, label') !== null;
}

function classOf(
  meta: { wide?: boolean; isNumber?: boolean; isLong?: boolean } | undefined,
): string | undefined {
  const names = [
    meta?.wide === true && 'wide',
    meta?.isNumber === true && 'number',
    meta?.isLong === true && 'long',
  ].filter(Boolean);
  return names.length > 0 ? names.join(' ') : undefined;
}

/** Room for the rows that are not drawn. */
function Gap({ height, width }: { height: number; width: number }) {
  return (
    <tr aria-hidden="true">
      <td colSpan={width} style={{ height, padding: 0, border: 0 }} />
    </tr>
  );
}

function Head<T>({ header, sort }: { header: Header<T, unknown>; sort: DataTableProps<T>['sort'] }) {
  const { meta } = header.column.columnDef;
  const label = flexRender(header.column.columnDef.header, header.getContext());
  const by = meta?.sort;
  const isReversed = meta?.reversed !== undefined && sort?.by === meta.reversed;
  const isBy = by !== undefined && (sort?.by === by || isReversed);
  const next = sort?.by === by ? (meta?.reversed ?? by) : by;
  const order = meta?.reversed === undefined ? 'other' : isReversed ? 'ascending' : 'descending';
  return (
    <th scope="col" className={classOf(meta)} aria-sort={isBy ? order : undefined}>
      {next !== undefined && sort ? (
        <button type="button" className="sort" aria-pressed={isBy} onClick={() => sort.set(next)}>
          {label}
          <span aria-hidden="true">{isReversed ? ' ▴' : isBy ? ' ▾' : ' ▿'}</span>
        </button>
      ) : (
        label
      )}
    </th>
  );
}

function PickAll<T>({ ids, picked }: { ids: readonly string[]; picked: Picked<T> }) {
  const isAll = ids.length > 0 && ids.every((id) => picked.ids.has(id));
  const isSome = ids.some((id) => picked.ids.has(id));
  return (
    <th scope="col" className="pick">
      <Checkbox
        aria-label={text.table.pickAll}
        checked={isAll}
        indeterminate={isSome && !isAll}
        onChange={() => picked.set(new Set(isAll ? [] : ids))}
      />
    </th>
  );
}

function Pick<T>({ row, id, picked }: { row: T; id: string; picked: Picked<T> }) {
  const isPicked = picked.ids.has(id);
  return (
    <td className="pick">
      <Checkbox
        aria-label={text.table.pick(picked.nameOf(row))}
        checked={isPicked}
        onChange={() => {
          const next = new Set(picked.ids);
          if (!next.delete(id)) next.add(id);
          picked.set(next);
        }}
      />
    </td>
  );
}
