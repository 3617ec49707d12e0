import { Anchor, Drawer, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { useSession } from '../../api/session';
import { IMPORT_STATES } from '../../app/searches';
import { asNumber } from '../../format/number';
import { Actor } from '../../parts/Actor';
import { Choice } from '../../parts/fields';
import { Export } from '../../parts/Export';
import { Filters } from '../../parts/Filters';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { NoPermission, Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, cleared, isInPassing, withoutPage } from '../../url/search';
import { ImportDetail } from './ImportDetail';
import { isOver, State, whileGoingOn } from './state';
import { Upload } from './Upload';

const route = getRouteApi('/app/imports');

type Import = Schemas['Import'];

const columns = (open: (id: string) => void): ColumnDef<Import>[] => [
  {
    id: 'name',
    header: text.imports.asset,
    cell: ({ row: { original: one } }) => (
      <Anchor component="button" type="button" ta="left" onClick={() => open(one.id)}>
        {one.name}
      </Anchor>
    ),
  },
  { id: 'state', header: text.imports.state, cell: ({ row }) => <State of={row.original} /> },
  {
    id: 'format',
    header: text.imports.format,
    meta: { wide: true },
    cell: ({ row: { original: one } }) => `${text.imports.formats[one.format as 'spdx']} ${one.version}`,
  },
  {
    id: 'software',
    header: text.imports.software,
    meta: { isNumber: true },
    cell: ({ row }) => asNumber(row.original.software),
  },
  {
    id: 'findings',
    header: text.imports.findings,
    meta: { isNumber: true, wide: true },
    cell: ({ row }) => asNumber(row.original.findings),
  },
  {
    id: 'by',
    header: text.imports.by,
    meta: { wide: true },
    cell: ({ row }) => <Actor word={row.original.created_by} name={row.original.created_by_name} />,
  },
  { id: 'at', header: text.imports.at, cell: ({ row }) => <Moment at={row.original.created_at} /> },
  {
    id: 'host',
    header: text.host.host,
    meta: { wide: true },
    cell: ({ row: { original: one } }) => (
      <Go to="/hosts/$host" params={{ host: one.host }} search={{ tab: 'software' }}>
        {text.imports.software}
      </Go>
    ),
  },
];

/** Documents that list the software of assets without an agent, and what became of them. */
export function ImportsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const { company: _company, hide: _hide, open, ...query } = search;
  const read = useRead(
    ['imports', 'list', query],
    (api, signal) => api.GET('/api/v1/imports', { params: { query }, signal }),
    { every: (page) => whileGoingOn(page?.items) },
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const look = (id: string | undefined) => set({ open: id, page_token: search.page_token });
  const filter = withoutPage(query);
  const isFiltered = Object.keys(filter).length > 0;
  if (!may('inventory:read')) return <NoPermission />;
  return (
    <>
      <PageHead title={text.nav.imports} lead={text.imports.lead} />
      {may('imports:write') && <Upload onDone={(one) => look(one.id)} />}
      <Filters clear={isFiltered ? () => void navigate({ search: (old) => cleared(old) }) : undefined}>
        <Choice
          label={text.imports.state}
          options={IMPORT_STATES.map((one) => [one, text.imports.states[one]] as const)}
          value={search.state}
          set={(state) => set({ state })}
        />
      </Filters>
      <ListView
        label={text.nav.imports}
        read={read}
        columns={columns(look)}
        rowId={(one) => one.id}
        search={search}
        set={set}
        current={open}
        actions={<Export path="/api/v1/imports/export" query={filter} name="imports" />}
        empty={
          <Notice title={isFiltered ? text.imports.noneFound : text.imports.none}>
            {isFiltered ? text.common.noneFoundDetail : text.imports.noneDetail}
          </Notice>
        }
      />
      <Drawer
        opened={open !== undefined}
        onClose={() => look(undefined)}
        position="right"
        size="lg"
        title={<Text fw={600}>{text.imports.one}</Text>}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        {open !== undefined && (
          <ImportDetail
            key={open}
            id={open}
            isKnown={read.data?.items.some((one) => one.id === open && isOver(one)) === true}
          />
        )}
      </Drawer>
    </>
  );
}
