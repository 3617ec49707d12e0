import { Group, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asInstant } from '../../format/time';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { Notice } from '../../parts/States';
import { type ListSearch, ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';

type Change = Schemas['HostChange'];

/** A version as its package has it: with its release, where it has one. */
const versionOf = ({ version, release }: Change['software']) =>
  release === undefined || release === '' ? version : `${version}-${release}`;

const columns: ColumnDef<Change>[] = [
  {
    id: 'software',
    header: text.software.one,
    cell: ({ row: { original: change } }) => (
      <Go to="/software/$software" params={{ software: change.software.id }}>
        {change.software.name}
      </Go>
    ),
  },
  {
    id: 'change',
    header: text.host.change,
    cell: ({ row }) => text.host.changes[row.original.kind],
  },
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
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.at} as="instant" />,
  },
];

interface HostChangesProps {
  host: Schemas['HostDetail'];
  since: string;
  until: string;
  search: ListSearch;
  set: (change: ListSearch) => void;
}

/** All software that came onto a host and went from it at one moment. */
export function HostChanges({ host, since, until, search, set }: HostChangesProps) {
  const query = { since, until, page_token: search.page_token, limit: search.limit };
  const read = useRead(['host', host.id, 'changes', query], (api, signal) =>
    api.GET('/api/v1/hosts/{host}/changes', { params: { path: { host: host.id }, query }, signal }),
  );
  return (
    <>
      <Group mb="sm">
        <Go to="/hosts/$host" params={{ host: host.id }} search={{ tab: 'history' }}>
          {text.host.wholeHistory}
        </Go>
        <Text>{text.host.changesOf(asInstant(since))}</Text>
      </Group>
      <ListView
        label={text.host.changesOf(asInstant(since))}
        read={read}
        columns={columns}
        rowId={(change) => `${change.software.id}${change.kind}${change.at}`}
        search={search}
        set={set}
        actions={
          <Export
            path={`/api/v1/hosts/${host.id}/changes/export`}
            query={{ since, until }}
            name={`changes-of-${host.hostname}`}
          />
        }
        empty={<Notice title={text.host.noHistory}>{text.host.noHistoryDetail}</Notice>}
      />
    </>
  );
}
