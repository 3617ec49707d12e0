import { Anchor, Drawer, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { EXCEPTION_STATES } from '../../app/searches';
import { asNumber } from '../../format/number';
import { Actor } from '../../parts/Actor';
import { Export } from '../../parts/Export';
import { Choice, TextFilter } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Go } from '../../parts/Go';
import { LabelFilter } from '../../parts/LabelFilter';
import { Moment } from '../../parts/Moment';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, cleared, isInPassing, withoutPage } from '../../url/search';
import { DocumentChip } from './DocumentChip';
import { ExceptionDetail } from './ExceptionDetail';
import { aboutOf } from './words';

const route = getRouteApi('/app/exceptions');
type Exception = Schemas['Exception'];

const columns = (open: (id: string) => void): ColumnDef<Exception>[] => [
  {
    id: 'about',
    header: text.exception.about,
    cell: ({ row: { original: one } }) => (
      <Anchor component="button" type="button" ta="left" onClick={() => open(one.id)}>
        {aboutOf(one.rule)}
      </Anchor>
    ),
  },
  { id: 'state', header: text.exception.state, cell: ({ row }) => <State of={row.original.state} /> },
  {
    id: 'status',
    header: text.exception.status,
    meta: { wide: true },
    cell: ({ row }) =>
      text.exception.statuses[row.original.status as keyof typeof text.exception.statuses] ??
      row.original.status,
  },
  {
    id: 'findings',
    header: text.exception.findings,
    meta: { isNumber: true },
    cell: ({ row }) => asNumber(row.original.findings),
  },
  {
    id: 'expires',
    header: text.exception.expires,
    cell: ({ row }) => <Moment at={row.original.expires_at} as="day" never={text.common.never} />,
  },
  {
    id: 'by',
    header: text.exception.by,
    meta: { wide: true },
    cell: ({ row }) => <Actor word={row.original.created_by} name={row.original.created_by_name} />,
  },
  {
    id: 'created',
    header: text.common.created,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.created_at} />,
  },
];

/** Whether an exception holds, in a word. */
export function State({ of }: { of: string }) {
  const name = text.exception.states[of as keyof typeof text.exception.states] ?? of;
  const colour = of === 'active' ? 'severity-low' : of === 'requested' ? 'severity-high' : '';
  return <span className={`severity ${colour}`}>{name}</span>;
}

/** The exceptions, newest first. */
export function ExceptionList() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { company: _company, hide: _hide, tab: _tab, open, ...query } = search;
  const filter = withoutPage(query);
  const read = useRead(['exceptions', 'list', query], (api, signal) =>
    api.GET('/api/v1/exceptions', { params: { query }, signal }),
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const look = (id: string | undefined) => set({ open: id, page_token: search.page_token });
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <>
      <Filters clear={isFiltered ? () => void navigate({ search: (old) => cleared(old) }) : undefined}>
        <Choice
          label={text.exception.state}
          options={EXCEPTION_STATES.map((one) => [one, text.exception.states[one]] as const)}
          value={search.state}
          set={(state) => set({ state })}
        />
        <TextFilter label={text.cve.cve} value={search.cve} set={(cve) => set({ cve })} />
        <TextFilter
          label={text.exception.product}
          value={search.product}
          set={(product) => set({ product })}
        />
        <LabelFilter value={search.label} set={(label) => set({ label })} />
        {search.document !== undefined && (
          <DocumentChip id={search.document} remove={() => set({ document: undefined })} />
        )}
      </Filters>
      <ListView
        label={text.nav.exceptions}
        read={read}
        columns={columns(look)}
        rowId={(one) => one.id}
        search={search}
        set={set}
        current={open}
        actions={<Export path="/api/v1/exceptions/export" query={filter} name="exceptions" />}
        empty={
          <Notice
            title={text.exception.none}
            action={isFiltered ? undefined : <Go to="/findings">{text.nav.findings}</Go>}
          >
            {isFiltered ? text.common.noneFoundDetail : text.exception.noneDetail}
          </Notice>
        }
      />
      <Drawer
        opened={open !== undefined}
        onClose={() => look(undefined)}
        position="right"
        size="lg"
        title={<Text fw={600}>{text.exception.one}</Text>}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        {open !== undefined && <ExceptionDetail key={open} id={open} onReplaced={look} />}
      </Drawer>
    </>
  );
}
