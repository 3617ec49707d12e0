import { Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asInstant } from '../../format/time';
import { Go } from '../../parts/Go';
import { Export } from '../../parts/Export';
import { AsOf, TextFilter, Toggle } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Moment } from '../../parts/Moment';
import { Counts } from '../../parts/Severity';
import { Notice } from '../../parts/States';
import { type ListSearch, ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';

type Installed = Schemas['InstalledSoftware'];

interface SoftwareSearch extends ListSearch {
  query?: string;
  vulnerable?: boolean;
  as_of?: string;
}

const columns: ColumnDef<Installed>[] = [
  {
    id: 'name',
    header: text.software.name,
    cell: ({ row: { original: one } }) => (
      <Go to="/software/$software" params={{ software: one.id }}>
        {one.name}
      </Go>
    ),
  },
  { id: 'version', header: text.software.version, cell: ({ row }) => row.original.version },
  {
    id: 'source',
    header: text.software.source,
    meta: { wide: true },
    cell: ({ row }) => text.source(row.original.source),
  },
  { id: 'findings', header: text.host.findings, cell: ({ row }) => <Counts of={row.original.findings} /> },
  {
    id: 'matching',
    header: text.software.matching,
    meta: { wide: true },
    cell: ({ row }) => text.software.statuses[row.original.matching.status],
  },
  {
    id: 'locations',
    header: text.software.locations,
    meta: { wide: true },
    cell: ({ row }) => <Text size="sm">{row.original.locations?.join(', ')}</Text>,
  },
  {
    id: 'seen',
    header: text.software.seenAt,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.seen_at} />,
  },
];

interface HostSoftwareProps {
  id: string;
  hostname: string;
  search: SoftwareSearch;
  set: (change: SoftwareSearch) => void;
}

/** What is installed on a host, now or as it was. */
export function HostSoftware({ id, hostname, search, set }: HostSoftwareProps) {
  const filter = { query: search.query, vulnerable: search.vulnerable, as_of: search.as_of };
  const query = { ...filter, page_token: search.page_token, limit: search.limit };
  const read = useRead(['host', id, 'software', query], (api, signal) =>
    api.GET('/api/v1/hosts/{host}/software', { params: { path: { host: id }, query }, signal }),
  );
  return (
    <>
      <Filters>
        <TextFilter label={text.software.name} value={search.query} set={(value) => set({ query: value })} />
        <AsOf value={search.as_of} set={(value) => set({ as_of: value })} />
        <Toggle
          label={text.software.vulnerableOnly}
          value={search.vulnerable}
          set={(vulnerable) => set({ vulnerable })}
        />
      </Filters>
      <ListView
        label={text.nav.software}
        read={read}
        columns={columns}
        rowId={(one) => one.id}
        search={search}
        set={set}
        asOf={search.as_of && asInstant(search.as_of)}
        actions={
          <Export
            path={`/api/v1/hosts/${id}/software/export`}
            query={filter}
            name={`software-of-${hostname}`}
          />
        }
        empty={<Notice title={text.software.none}>{text.common.noneFoundDetail}</Notice>}
      />
    </>
  );
}
