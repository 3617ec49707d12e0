import { Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';

import type { Schemas } from '../../api/client';
import { asNumber } from '../../format/number';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { Counts } from '../../parts/Severity';
import { text } from '../../text/text';

/** Software whatever its versions. */
export type Title = Schemas['SoftwareTitle'];
/** One version of software. */
export type Software = Schemas['SoftwareItem'];

/** The columns of the list of titles. */
export const titleColumns: ColumnDef<Title>[] = [
  {
    id: 'name',
    header: text.software.name,
    cell: ({ row: { original: title } }) => (
      <Go to="/software" search={{ view: 'versions', name: title.name, source: title.source }}>
        {title.name}
      </Go>
    ),
  },
  { id: 'source', header: text.software.source, cell: ({ row }) => text.source(row.original.source) },
  {
    id: 'vendor',
    header: text.software.vendor,
    meta: { wide: true },
    cell: ({ row }) => row.original.vendor,
  },
  {
    id: 'versions',
    header: text.software.versions,
    meta: { isNumber: true },
    cell: ({ row }) => asNumber(row.original.versions),
  },
  {
    id: 'hosts',
    header: text.nav.hosts,
    meta: { isNumber: true },
    cell: ({ row }) => asNumber(row.original.hosts),
  },
  { id: 'cves', header: text.nav.cves, cell: ({ row }) => <Counts of={row.original.cves} /> },
  {
    id: 'first',
    header: text.software.firstSeen,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.first_seen_at} as="day" />,
  },
];

/** The columns of the list of versions. */
export const versionColumns: ColumnDef<Software>[] = [
  {
    id: 'name',
    header: text.software.name,
    meta: { sort: 'name', isLong: true },
    cell: ({ row: { original: one } }) => (
      <Go to="/software/$software" params={{ software: one.id }}>
        {one.name}
      </Go>
    ),
  },
  {
    id: 'version',
    header: text.software.version,
    meta: { isLong: true },
    cell: ({ row }) => <Text size="sm">{row.original.version}</Text>,
  },
  {
    id: 'source',
    header: text.software.source,
    meta: { wide: true },
    cell: ({ row }) => text.source(row.original.source),
  },
  {
    id: 'vendor',
    header: text.software.vendor,
    meta: { wide: true, isLong: true },
    cell: ({ row }) => row.original.vendor,
  },
  {
    id: 'hosts',
    header: text.nav.hosts,
    meta: { sort: 'hosts', isNumber: true },
    cell: ({ row }) => asNumber(row.original.hosts),
  },
  {
    id: 'findings',
    header: text.host.findings,
    meta: { sort: 'findings' },
    cell: ({ row }) => <Counts of={row.original.findings} />,
  },
  {
    id: 'matching',
    header: text.software.matching,
    meta: { wide: true },
    cell: ({ row }) => text.software.statuses[row.original.matching.status],
  },
  {
    id: 'first',
    header: text.software.firstSeen,
    meta: { sort: 'first_seen', wide: true },
    cell: ({ row }) => <Moment at={row.original.first_seen_at} as="day" />,
  },
];
