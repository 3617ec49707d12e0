import { Group, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';

import { asNumber, asShare } from '../../format/number';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { KevBadge, Severity } from '../../parts/Severity';
import { text } from '../../text/text';
import type { Finding } from './finding';

/** The columns of every list of findings. */
export const findingColumns: ColumnDef<Finding>[] = [
  {
    id: 'cve',
    header: text.cve.cve,
    cell: ({ row: { original: finding } }) => (
      <Go to="/cves/$cve" params={{ cve: finding.cve.id }} className="unbroken">
        {finding.cve.id}
      </Go>
    ),
  },
  {
    id: 'severity',
    header: text.cve.severity,
    meta: { sort: 'severity' },
    cell: ({ row: { original: finding } }) => (
      <Group gap={4}>
        <Severity of={finding.cve.severity} score={finding.cve.cvss_score} />
        <KevBadge kev={finding.cve.kev} />
      </Group>
    ),
  },
  {
    id: 'kev',
    header: text.cve.exploitedSince,
    meta: { sort: 'kev', wide: true },
    cell: ({ row }) => <Moment at={row.original.cve.kev?.added} as="day" never="" />,
  },
  {
    id: 'software',
    header: text.finding.software,
    cell: ({ row: { original: finding } }) => (
      <Go to="/software/$software" params={{ software: finding.software.id }}>
        {finding.software.name} {finding.software.version}
      </Go>
    ),
  },
  {
    id: 'fixed',
    header: text.finding.fixedIn,
    meta: { wide: true },
    cell: ({ row }) =>
      row.original.fixed_in ?? (
        <Text span inherit c="dimmed">
          {text.finding.noFix}
        </Text>
      ),
  },
  {
    id: 'epss',
    header: text.cve.epss,
    meta: { sort: 'epss', isNumber: true, wide: true },
    cell: ({ row }) => (row.original.cve.epss ? asShare(row.original.cve.epss.score) : ''),
  },
  {
    id: 'hosts',
    header: text.nav.hosts,
    meta: { sort: 'hosts', isNumber: true },
    cell: ({ row: { original: finding } }) => (
      <Go to="/hosts" search={{ software: finding.software.id }}>
        {asNumber(finding.hosts)}
      </Go>
    ),
  },
  {
    id: 'confidence',
    header: text.finding.confidence,
    meta: { wide: true },
    cell: ({ row }) => text.confidence[row.original.confidence],
  },
  {
    id: 'state',
    header: text.finding.state,
    meta: { wide: true },
    cell: ({ row }) =>
      text.finding.states[row.original.state as keyof typeof text.finding.states] ?? row.original.state,
  },
  {
    id: 'opened',
    header: text.finding.opened,
    meta: { sort: 'opened', wide: true },
    cell: ({ row }) => <Moment at={row.original.opened_at} />,
  },
];
