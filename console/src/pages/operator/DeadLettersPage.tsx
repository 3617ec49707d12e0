import { Button } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asBytes } from '../../format/number';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { NoPermission, Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';

const route = getRouteApi('/app/dead-letters');
type Letter = Schemas['DeadLetter'];

const columns: ColumnDef<Letter>[] = [
  {
    id: 'received',
    header: text.dead.received,
    cell: ({ row }) => <Moment at={row.original.received_at} as="instant" />,
  },
  {
    id: 'host',
    header: text.host.host,
    cell: ({ row }) => (
      <Go to="/hosts/$host" params={{ host: row.original.host }}>
        {row.original.host.slice(0, 8)}
      </Go>
    ),
  },
  { id: 'reason', header: text.dead.reason, cell: ({ row }) => row.original.reason },
  { id: 'detail', header: text.dead.detail, meta: { wide: true }, cell: ({ row }) => row.original.detail },
  {
    id: 'position',
    header: text.host.position,
    meta: { wide: true },
    cell: ({ row }) => row.original.position,
  },
  {
    id: 'bytes',
    header: text.dead.bytes,
    meta: { isNumber: true, wide: true },
    cell: ({ row }) => asBytes(row.original.bytes),
  },
  { id: 'replay', header: text.common.actions, cell: ({ row }) => <Replay letter={row.original} /> },
];

function Replay({ letter }: { letter: Letter }) {
  const replay = useWrite(
    (api) => api.POST('/api/v1/dead-letters/{letter}/replay', { params: { path: { letter: letter.id } } }),
    {
      done: text.dead.asked,
    },
  );
  if (letter.replayed_at != null) {
    return (
      <>
        {text.dead.replayed} <Moment at={letter.replayed_at} />
      </>
    );
  }
  return (
    <Button variant="default" size="compact-sm" loading={replay.isPending} onClick={() => replay.mutate()}>
      {text.dead.replay}
    </Button>
  );
}

/** Reports that can never be stored as they are, and a way to make up for them. */
export function DeadLettersPage() {
  const { may } = useSession();
  return may('dead_letters:manage') ? (
    <Letters />
  ) : (
    <>
      <PageHead title={text.nav.deadLetters} />
      <NoPermission />
    </>
  );
}

function Letters() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = { page_token: search.page_token, limit: search.limit };
  const read = useRead(['dead-letters', query], (api) =>
    api.GET('/api/v1/dead-letters', { params: { query } }),
  );
  return (
    <>
      <PageHead title={text.nav.deadLetters} lead={text.dead.lead} />
      <ListView
        label={text.nav.deadLetters}
        read={read}
        columns={columns}
        rowId={(letter) => letter.id}
        search={search}
        set={(change) =>
          void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) })
        }
        actions={<Export path="/api/v1/dead-letters/export" query={{}} name="dead-letters" />}
        empty={<Notice title={text.dead.none}>{text.dead.noneDetail}</Notice>}
      />
    </>
  );
}
