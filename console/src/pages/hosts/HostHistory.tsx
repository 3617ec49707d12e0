import type { ColumnDef } from '@tanstack/react-table';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { Notice } from '../../parts/States';
import { type ListSearch, ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';

type Change = Schemas['HostChange'];

/** A version as its package has it: with its release, where it has one. */
const versionOf = ({ version, release }: Change['software']) =>
  release === undefined || release === '' ? version : `${version}-${release}`;

const columns = (host: string): ColumnDef<Change>[] => [
  {
    id: 'software',
    header: text.software.one,
    cell: ({ row: { original: change } }) => (
      <Go to="/software/$software" params={{ software: change.software.id }}>
        {change.software.name}
      </Go>
    ),
  },
  { id: 'change', header: text.host.change, cell: ({ row }) => <Kind of={row.original.kind} /> },
  { id: 'version', header: text.software.version, cell: ({ row }) => versionOf(row.original.software) },
  {
    id: 'source',
    header: text.software.source,
    meta: { wide: true },
    cell: ({ row }) => text.source(row.original.software.source),
  },
  {
    id: 'at',
    header: text.host.changed,
    cell: ({ row }) => <Moment at={row.original.at} as="instant" />,
  },
  {
    id: 'then',
    header: text.common.actions,
    meta: { wide: true },
    cell: ({ row }) => (
      <Go to="/hosts/$host" params={{ host }} search={{ tab: 'software', as_of: row.original.at }}>
        {text.host.thenAll}
      </Go>
    ),
  },
];

/** Whether software came or went, in a word. */
function Kind({ of }: { of: Change['kind'] }) {
  return (
    <span className={`severity ${of === 'installed' ? 'severity-low' : ''}`}>{text.host.changes[of]}</span>
  );
}

interface HostHistoryProps {
  host: Schemas['HostDetail'];
  search: ListSearch;
  set: (change: ListSearch) => void;
}

/** What came onto a host and went from it, the newest first. */
export function HostHistory({ host, search, set }: HostHistoryProps) {
  const query = { page_token: search.page_token, limit: search.limit };
  const read = useRead(['host', host.id, 'changes', query], (api, signal) =>
    api.GET('/api/v1/hosts/{host}/changes', { params: { path: { host: host.id }, query }, signal }),
  );
  return (
    <ListView
      label={text.host.tabs.history}
      read={read}
      columns={columns(host.id)}
      rowId={(change) => `${change.software.id}${change.kind}${change.at}`}
      search={search}
      set={set}
      empty={<Notice title={text.host.noHistory}>{text.host.noHistoryDetail}</Notice>}
    />
  );
}
