import { Button, Group } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asNumber } from '../../format/number';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Confirm } from '../../parts/Confirm';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { sentence } from './condition';
import { LabelForm } from './LabelForm';

const route = getRouteApi('/app/labels');
type Label = Schemas['Label'];

const columns: ColumnDef<Label>[] = [
  {
    id: 'name',
    header: text.common.name,
    cell: ({ row: { original: label } }) => (
      <Go to="/hosts" search={{ label: label.id }}>
        {label.name}
      </Go>
    ),
  },
  {
    id: 'hosts',
    header: text.nav.hosts,
    meta: { isNumber: true },
    cell: ({ row }) => asNumber(row.original.hosts),
  },
  {
    id: 'rule',
    header: text.label.givenBy,
    cell: ({ row }) => (row.original.rule == null ? text.label.byPeople : sentence(row.original.rule)),
  },
  {
    id: 'description',
    header: text.common.description,
    meta: { wide: true },
    cell: ({ row }) => row.original.description,
  },
  {
    id: 'changed',
    header: text.label.changedAt,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.changed_at} />,
  },
  { id: 'edit', header: text.common.actions, cell: ({ row }) => <Actions label={row.original} /> },
];

function Actions({ label }: { label: Label }) {
  const { may } = useSession();
  const navigate = route.useNavigate();
  const remove = useWrite(
    (api) => api.DELETE('/api/v1/labels/{label}', { params: { path: { label: label.id } } }),
    {
      done: text.label.deleted,
    },
  );
  if (!may('policies:write')) return null;
  return (
    <Group gap="xs" wrap="nowrap">
      <Button
        variant="default"
        size="compact-sm"
        aria-label={text.common.editOf(label.name)}
        onClick={() => void navigate({ search: (old) => ({ ...old, edit: label.id }) })}
      >
        {text.common.edit}
      </Button>
      <Confirm
        size="compact-sm"
        label={text.common.delete}
        of={label.name}
        detail={text.label.deleteDetail(label.name)}
        onConfirm={() => remove.mutate()}
      />
    </Group>
  );
}

/** What hosts are called by, given by people or by a rule. */
export function LabelsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const query = { page_token: search.page_token, limit: search.limit };
  const read = useRead(['labels', query], (api) => api.GET('/api/v1/labels', { params: { query } }));
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const create = may('policies:write') && (
    <Button size="xs" onClick={() => set({ edit: 'new' })}>
      {text.label.create}
    </Button>
  );
  return (
    <>
      <PageHead title={text.nav.labels} lead={text.label.lead}>
        {create}
      </PageHead>
      <ListView
        label={text.nav.labels}
        read={read}
        columns={columns}
        rowId={(label) => label.id}
        search={search}
        set={set}
        actions={<Export path="/api/v1/labels/export" query={{}} name="labels" />}
        empty={
          <Notice title={text.label.none} action={create}>
            {text.label.noneDetail}
          </Notice>
        }
      />
      {search.edit !== undefined && <LabelForm edit={search.edit} close={() => set({ edit: undefined })} />}
    </>
  );
}
