import { Group, Text } from '@mantine/core';
import type { ColumnDef, ColumnMeta } from '@tanstack/react-table';

import type { Schemas } from '../../api/client';
import { asNumber } from '../../format/number';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { Counts } from '../../parts/Severity';
import { text } from '../../text/text';

/** A host as lists have it. */
export type Host = Schemas['Host'];

/** The columns of every list of hosts. */
export const hostColumns: ColumnDef<Host>[] = [
  {
    id: 'hostname',
    header: text.host.hostname,
    meta: { sort: 'hostname' },
    cell: ({ row: { original: host } }) => (
      <Go to="/hosts/$host" params={{ host: host.id }}>
        {host.hostname}
      </Go>
    ),
  },
  {
    id: 'state',
    header: text.host.state,
    cell: ({ row }) => <HostState host={row.original} />,
  },
  {
    id: 'os',
    header: text.host.os,
    meta: { wide: true },
    cell: ({ row }) => row.original.os_name || row.original.platform.id,
  },
  {
    id: 'findings',
    header: text.host.findings,
    meta: { sort: 'findings' },
    cell: ({ row }) => <Counts of={row.original.findings} />,
  },
  {
    id: 'critical',
    header: text.host.critical,
    meta: { sort: 'critical', isNumber: true, wide: true },
    cell: ({ row }) => asNumber(row.original.findings.critical),
  },
  {
    id: 'kev',
    header: text.host.kev,
    meta: { sort: 'kev', isNumber: true, wide: true },
    cell: ({ row }) => asNumber(row.original.findings.kev),
  },
  {
    id: 'software',
    header: text.host.software,
    meta: { sort: 'software', isNumber: true, wide: true },
    cell: ({ row }) => asNumber(row.original.software),
  },
  {
    id: 'seen',
    header: text.host.seen,
    meta: { sort: 'last_seen', reversed: 'silent', wide: true },
    cell: ({ row }) => <Moment at={row.original.last_seen_at} />,
  },
  {
    id: 'enrolled',
    header: text.host.enrolled,
    meta: { sort: 'enrolled', wide: true },
    cell: ({ row }) => <Moment at={row.original.enrolled_at} as="day" />,
  },
  {
    id: 'agent',
    header: text.host.agent,
    meta: { wide: true },
    cell: ({ row: { original: host } }) =>
      host.kind === 'sbom' ? text.host.agentless : text.host.agentOf(host.agent_version, host.agent_outdated),
  },
];

/** What hosts say of themselves, which is of the present whatever instant a list is looked at. */
const OF_NOW: readonly unknown[] = ['state', 'os', 'seen', 'agent'];

/** The columns of a list of hosts as it was: what is of the present says so, and orders nothing. */
export const hostColumnsThen: ColumnDef<Host>[] = hostColumns.map((column) => {
  const { sort, reversed: _reversed, ...meta }: ColumnMeta<Host, unknown> = column.meta ?? {};
  const isKept = sort === 'hostname' || sort === 'enrolled';
  const isOfNow = OF_NOW.includes(column.id) && typeof column.header === 'string';
  return {
    ...column,
    meta: { ...meta, ...(isKept ? { sort } : {}) },
    header: isOfNow ? text.host.now(column.header as string) : column.header,
  } as ColumnDef<Host>;
});

/** Whether a host is there, overdue or gone. */
export function HostState({ host }: { host: Host }) {
  if (host.revoked_at != null) return <span className="severity">{text.host.revoked}</span>;
  if (host.kind === 'sbom') return <span className="severity">{text.host.fromDocument}</span>;
  const isMissed = host.overdue_at != null && Date.parse(host.overdue_at) < Date.now();
  return isMissed ? (
    <span className="severity severity-high">{text.host.overdue}</span>
  ) : (
    <Group gap={4}>
      <Text span inherit>
        {host.last_seen_at == null ? text.host.silent : text.host.reporting}
      </Text>
    </Group>
  );
}
