import { Button, Group, Stack, Text, Title } from '@mantine/core';
import { useId, useState } from 'react';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asDay } from '../../format/time';
import { Export } from '../../parts/Export';
import { Choice } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Go } from '../../parts/Go';
import { Moment as At } from '../../parts/Moment';
import { Notice, ReadAt, ReadView } from '../../parts/States';
import { type ListSearch, Pager } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { HostChanges } from './HostChanges';
import { byDay, countOf, type Kind, KINDS, type Moment } from './moments';

/** Changes that are shown without being asked for; more stand behind a button. */
const SHOWN_MAX = 12;

type Search = ListSearch & { kind?: Kind; since?: string; until?: string };

interface HostHistoryProps {
  host: Schemas['HostDetail'];
  search: Search;
  set: (change: Search) => void;
}

/** What happened on a host, day by day and moment by moment, the newest first. */
export function HostHistory({ host, search, set }: HostHistoryProps) {
  const { since, until } = search;
  return since !== undefined && until !== undefined ? (
    <HostChanges host={host} since={since} until={until} search={search} set={set} />
  ) : (
    <Timeline host={host} search={search} set={set} />
  );
}

function Timeline({ host, search, set }: HostHistoryProps) {
  const query = { kind: search.kind, page_token: search.page_token, limit: search.limit };
  const read = useRead(['host', host.id, 'timeline', query], (api, signal) =>
    api.GET('/api/v1/hosts/{host}/timeline', { params: { path: { host: host.id }, query }, signal }),
  );
  return (
    <section aria-label={text.host.tabs.history}>
      <Filters>
        <Choice
          label={text.host.change}
          value={search.kind}
          set={(kind) => set({ kind })}
          options={KINDS.map((kind) => [kind, text.host.moments[kind]] as const)}
        />
      </Filters>
      <Group justify="space-between" mb="xs">
        <ReadAt read={read} />
        <Export
          path={`/api/v1/hosts/${host.id}/timeline/export`}
          query={{ kind: search.kind }}
          name={`history-of-${host.hostname}`}
        />
      </Group>
      <ReadView read={read} lines={10}>
        {({ items }) =>
          items.length === 0 ? (
            <Notice title={search.kind === undefined ? text.host.noHistory : text.host.noneOfKind}>
              {text.host.noHistoryDetail}
            </Notice>
          ) : (
            <Stack gap="lg">
              {byDay(items).map(([day, moments]) => (
                <section key={day} aria-label={asDay(day)}>
                  <Title order={2} size="h5" mb="xs">
                    <time dateTime={day}>{asDay(day)}</time>
                  </Title>
                  <ol className="timeline">
                    {moments.map((moment) => (
                      <Entry key={moment.at} host={host.id} moment={moment} />
                    ))}
                  </ol>
                </section>
              ))}
            </Stack>
          )
        }
      </ReadView>
      {read.data && (read.data.next_page_token != null || search.page_token !== undefined) && (
        <Pager
          next={read.data.next_page_token ?? undefined}
          isOnItsWay={read.isPlaceholderData}
          search={search}
          set={set}
        />
      )}
    </section>
  );
}

/** What happened at a moment: how much in a line, and what, at once where it is little. */
function Entry({ host, moment }: { host: string; moment: Moment }) {
  const id = useId();
  const isLittle = !moment.is_first && moment.changes.length <= SHOWN_MAX;
  const [isAsked, setAsked] = useState(false);
  // With another kind of changes chosen, the same moment may have little to show.
  const isOpen = isLittle || isAsked;
  const counts = KINDS.filter((kind) => countOf(moment, kind) > 0).map((kind) =>
    text.host.momentCounts[kind](countOf(moment, kind), moment.is_first),
  );
  const software = moment.installed + moment.removed + moment.upgraded;
  const named = moment.changes.filter((change) => change.cve == null).length;
  return (
    <li>
      <Group gap="sm" align="baseline">
        <At at={moment.at} as="instant" />
        <Text fw={500}>
          {moment.is_first && `${text.host.firstInventory}: `}
          {counts.join(', ')}
        </Text>
        {!isLittle && (
          <Button
            variant="subtle"
            size="compact-sm"
            aria-expanded={isOpen}
            aria-controls={id}
            onClick={() => setAsked(!isAsked)}
          >
            {isOpen ? text.host.less : text.host.more}
          </Button>
        )}
        <Go to="/hosts/$host" params={{ host }} search={{ tab: 'software', as_of: moment.at }}>
          {text.host.thenAll}
        </Go>
      </Group>
      <div id={id} hidden={!isOpen}>
        {isOpen && (
          <>
            <ul>
              {KINDS.flatMap((kind) => moment.changes.filter((change) => change.kind === kind)).map(
                (change) => (
                  <Line key={`${change.kind}${change.software}${change.cve ?? ''}`} change={change} />
                ),
              )}
            </ul>
            {software > named && (
              <Go
                to="/hosts/$host"
                params={{ host }}
                search={{ tab: 'history', since: moment.began_at, until: moment.at }}
              >
                {text.host.allOfMoment(software)}
              </Go>
            )}
            {moment.findings_opened + moment.findings_resolved > moment.changes.length - named && (
              <Text size="sm" c="dimmed">
                {text.host.someFindings(moment.changes.length - named)}
              </Text>
            )}
          </>
        )}
      </div>
    </li>
  );
}

/** One thing that happened. */
function Line({ change }: { change: Schemas['HostMomentChange'] }) {
  const software = (
    <Go to="/software/$software" params={{ software: change.software }}>
      {change.name}
    </Go>
  );
  const versions = [change.from, change.to].filter((version) => version != null);
  return (
    <li>
      <span className="moment">{text.host.moments[change.kind]}</span>{' '}
      {change.cve != null && (
        <>
          <Go to="/cves/$cve" params={{ cve: change.cve }}>
            {change.cve}
          </Go>{' '}
          {text.host.inSoftware}{' '}
        </>
      )}
      {software}
      {versions.length > 0 && (
        <span>
          {' '}
          {versions[0]}
          {versions.length > 1 && (
            <>
              <span aria-hidden="true"> → </span>
              <span className="visually-hidden"> {text.host.toVersion} </span>
              {versions[1]}
            </>
          )}
        </span>
      )}
    </li>
  );
}
