import { Anchor, Button, Code, Drawer, SegmentedControl, Stack, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { type Read, useRead } from '../../api/read';
import { useSession } from '../../api/session';
import { Export } from '../../parts/Export';
import { Facts } from '../../parts/Facts';
import { InstantFilter, TextFilter } from '../../parts/fields';
import { FilterChip, shortId } from '../../parts/FilterChip';
import { Filters } from '../../parts/Filters';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { Failure, Loading, Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, cleared, isInPassing, withoutPage } from '../../url/search';

const route = getRouteApi('/app/audit');
type Entry = Schemas['AuditEntry'];

const columns = (open: (entry: Entry) => void): ColumnDef<Entry>[] => [
  { id: 'at', header: text.audit.at, cell: ({ row }) => <Moment at={row.original.at} as="instant" /> },
  {
    id: 'actor',
    header: text.audit.actor,
    cell: ({ row }) => row.original.actor.name || text.audit.kindOf(row.original.actor.kind),
  },
  {
    id: 'action',
    header: text.audit.action,
    cell: ({ row }) => (
      <Anchor component="button" type="button" onClick={() => open(row.original)}>
        {row.original.action}
      </Anchor>
    ),
  },
  {
    id: 'object',
    header: text.audit.object,
    meta: { wide: true },
    cell: ({ row }) => <Text size="sm">{row.original.object}</Text>,
  },
  {
    id: 'address',
    header: text.audit.address,
    meta: { wide: true },
    cell: ({ row }) => row.original.address,
  },
];

/** What an actor is called, as far as what they did is on the page. */
function actorOf(entries: readonly Entry[] | undefined, id: string): string {
  return entries?.find((entry) => entry.actor.id === id)?.actor.name || shortId(id);
}

/** Who changed what, and what it was before. */
export function AuditPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const { company: _company, hide: _hide, open, of = 'company', ...query } = search;
  const filter = withoutPage(query);
  const read = useRead(['audit', of, query], (api) =>
    of === 'operators'
      ? api.GET('/api/v1/operator/audit', { params: { query } })
      : api.GET('/api/v1/audit', { params: { query } }),
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const look = (id: string | undefined) => set({ open: id, page_token: search.page_token });
  const shown = read.data?.items.find((entry) => entry.id === open);
  return (
    <>
      <PageHead title={text.nav.audit} lead={text.audit.lead}>
        {may('operators:manage') && (
          <SegmentedControl
            size="xs"
            aria-label={text.audit.of}
            value={of}
            data={[
              { value: 'company', label: text.audit.company },
              { value: 'operators', label: text.nav.operators },
            ]}
            onChange={(next) => set({ of: next === 'operators' ? 'operators' : undefined, open: undefined })}
          />
        )}
      </PageHead>
      <Filters
        clear={
          Object.keys(filter).length > 0
            ? () => void navigate({ search: (old) => ({ ...cleared(old), of: old.of }) })
            : undefined
        }
      >
        <TextFilter
          label={text.audit.action}
          placeholder="api_key.create"
          value={search.action}
          set={(action) => set({ action })}
        />
        <TextFilter label={text.audit.objectId} value={search.object} set={(object) => set({ object })} />
        <InstantFilter label={text.audit.since} value={search.since} set={(since) => set({ since })} />
        <InstantFilter label={text.audit.until} value={search.until} set={(until) => set({ until })} />
        {search.actor !== undefined && (
          <FilterChip
            label={text.audit.actor}
            name={actorOf(read.data?.items, search.actor)}
            remove={() => set({ actor: undefined })}
          />
        )}
      </Filters>
      <ListView
        label={text.nav.audit}
        read={read}
        columns={columns((entry) => look(entry.id))}
        rowId={(entry) => entry.id}
        search={search}
        set={set}
        current={open}
        actions={
          <Export
            path={of === 'operators' ? '/api/v1/operator/audit/export' : '/api/v1/audit/export'}
            query={filter}
            name={of === 'operators' ? 'audit-of-operators' : 'audit'}
          />
        }
        empty={<Notice title={text.audit.none}>{text.common.noneFoundDetail}</Notice>}
      />
      <Drawer
        opened={open !== undefined}
        onClose={() => look(undefined)}
        position="right"
        size="lg"
        title={shown?.action ?? text.audit.entry}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        {shown && (
          <Stack>
            <Facts
              of={[
                [text.audit.at, <Moment key="a" at={shown.at} as="instant" />],
                [text.audit.actor, shown.actor.name],
                [text.audit.kind, text.audit.kindOf(shown.actor.kind)],
                [text.audit.object, shown.object],
                [text.audit.address, shown.address],
                [text.state.request, shown.request_id],
              ]}
            />
            {shown.actor.id != null && (
              <Anchor
                component="button"
                type="button"
                ta="left"
                onClick={() => set({ actor: shown.actor.id ?? undefined, open: undefined })}
              >
                {text.audit.allOf(shown.actor.name)}
              </Anchor>
            )}
            <Json title={text.audit.before} value={shown.before} />
            <Json title={text.audit.after} value={shown.after} />
          </Stack>
        )}
        {open !== undefined && !shown && (
          <Missing
            read={read}
            toList={() => void navigate({ search: (old) => ({ ...cleared(old), of: old.of }) })}
          />
        )}
      </Drawer>
    </>
  );
}

/** What stands in the place of an entry that a link names and the page does not have. */
function Missing({ read, toList }: { read: Read<unknown>; toList: () => void }) {
  if (read.isFetching) return <Loading />;
  if (read.error) return <Failure error={read.error} retry={() => void read.refetch()} />;
  return (
    <Notice
      title={text.audit.notOnPage}
      action={
        <Button variant="default" onClick={toList}>
          {text.common.toList}
        </Button>
      }
    >
      {text.audit.notOnPageDetail}
    </Notice>
  );
}

function Json({ title, value }: { title: string; value: unknown }) {
  if (value == null) return null;
  return (
    <div>
      <Text size="sm" fw={500}>
        {title}
      </Text>
      {/* A box that scrolls can be reached by the keyboard. */}
      <Code block tabIndex={0} role="region" aria-label={title}>
        {JSON.stringify(value, null, 2)}
      </Code>
    </div>
  );
}
