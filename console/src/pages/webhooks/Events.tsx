import { Group, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';

import { useHeard } from '../../live/Live';
import { EVENTS_MAX, type LiveEvent } from '../../live/news';
import { Choice, Toggle } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { Notice } from '../../parts/States';
import { DataTable } from '../../parts/table/DataTable';
import { EVENT_KINDS, text } from '../../text/text';
import { changed } from '../../url/search';

const route = getRouteApi('/app/webhooks');

const columns: ColumnDef<LiveEvent>[] = [
  { id: 'kind', header: text.event.kind, cell: ({ row }) => text.event.kindOf(row.original.kind) },
  { id: 'object', header: text.event.object, cell: ({ row }) => <Target of={row.original} /> },
  {
    id: 'detail',
    header: text.event.detail,
    meta: { wide: true },
    cell: ({ row }) => detailOf(row.original),
  },
  { id: 'at', header: text.event.at, cell: ({ row }) => <Moment at={row.original.at} as="instant" /> },
];

/** What an event happened to. */
function Target({ of: { finding, policy } }: { of: LiveEvent }) {
  if (finding) {
    return (
      <Group gap={6}>
        <Go to="/cves/$cve" params={{ cve: finding.cve }} className="unbroken">
          {finding.cve}
        </Go>
        <Go to="/software/$software" params={{ software: finding.software.id }}>
          {finding.software.name} {finding.software.version}
        </Go>
      </Group>
    );
  }
  if (!policy) return null;
  return (
    <Group gap={6}>
      <Go to="/policies/$policy" params={{ policy: policy.id }}>
        {policy.name ?? text.common.notKnown}
      </Go>
      {policy.host !== undefined && (
        <Go to="/hosts/$host" params={{ host: policy.host }}>
          {policy.hostname ?? policy.host.slice(0, 8)}
        </Go>
      )}
    </Group>
  );
}

/** How it stands with that now. */
function detailOf({ finding, policy }: LiveEvent): string {
  if (finding) {
    const severities: Record<string, string> = text.severity;
    const parts = [
      severities[finding.severity] ?? finding.severity,
      finding.known_exploited ? text.finding.kev : undefined,
      finding.fixed_in === undefined ? undefined : `${text.finding.fixedIn} ${finding.fixed_in}`,
    ];
    return parts.filter(Boolean).join(' · ');
  }
  if (!policy) return '';
  const states: Record<string, string> = text.policy.states;
  return text.event.wasThenIs(states[policy.was] ?? policy.was, states[policy.state] ?? policy.state);
}

/** What happens in the company from now on, the newest first. */
export function Events() {
  const { kind } = route.useSearch();
  const navigate = route.useNavigate();
  const { standing, events } = useHeard();
  // What was there when somebody asked for it to be still.
  const [held, hold] = useState<readonly LiveEvent[]>();
  const all = held ?? events;
  const shown = kind === undefined ? all : all.filter((event) => event.kind === kind);
  return (
    <>
      <Filters>
        <Choice
          label={text.event.kind}
          options={EVENT_KINDS.map((one) => [one, text.event.kindOf(one)] as const)}
          value={EVENT_KINDS.find((one) => one === kind)}
          set={(to) => void navigate({ search: (old) => changed(old, { kind: to }) })}
        />
        <Toggle
          label={text.event.hold}
          value={held !== undefined}
          set={(isHeld) => hold(isHeld === true ? events : undefined)}
        />
      </Filters>
      <Group mb="xs" gap="md">
        <Text size="sm" role="status">
          {text.webhook.events(shown.length)}
        </Text>
        <Text size="sm" c="dimmed">
          {text.live.states[standing]}
        </Text>
      </Group>
      {shown.length === 0 ? (
        <Notice title={all.length === 0 ? text.event.none : text.event.noneOfKind}>
          {text.event.noneDetail}
        </Notice>
      ) : (
        <DataTable
          label={text.webhook.tabs.events}
          columns={columns}
          rows={shown}
          rowId={(event) => event.id}
        />
      )}
      {all.length >= EVENTS_MAX && (
        <Text size="sm" c="dimmed" mt="xs">
          {text.event.older(EVENTS_MAX)}
        </Text>
      )}
    </>
  );
}
