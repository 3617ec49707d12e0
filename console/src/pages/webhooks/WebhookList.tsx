import { Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { asNumber } from '../../format/number';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { EVENT_KINDS, text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';

const route = getRouteApi('/app/webhooks');
type Webhook = Schemas['Webhook'];

/** What a webhook is told of, in a line. */
export function kindsOf(kinds: readonly string[]): string {
  if (EVENT_KINDS.every((kind) => kinds.includes(kind))) return text.webhook.allKinds;
  return kinds.map(text.event.kindOf).join(', ');
}

/** The part of an address that says whose it is: what follows may be a secret of its own. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

const columns: ColumnDef<Webhook>[] = [
  {
    id: 'name',
    header: text.common.name,
    cell: ({ row: { original: webhook } }) => (
      <>
        <Go to="/webhooks/$webhook" params={{ webhook: webhook.id }}>
          {webhook.name}
        </Go>
        {!webhook.enabled && (
          <Text size="sm" c="dimmed">
            {text.webhook.disabled}
          </Text>
        )}
      </>
    ),
  },
  { id: 'url', header: text.webhook.url, cell: ({ row }) => hostOf(row.original.url) },
  {
    id: 'kinds',
    header: text.webhook.kinds,
    meta: { wide: true },
    cell: ({ row }) => kindsOf(row.original.kinds),
  },
  {
    id: 'template',
    header: text.webhook.template,
    meta: { wide: true },
    cell: ({ row }) => text.webhook.templates[row.original.template],
  },
  {
    id: 'pending',
    header: text.webhook.pending,
    meta: { isNumber: true },
    cell: ({ row }) => asNumber(row.original.pending),
  },
  {
    id: 'dead',
    header: text.webhook.dead,
    meta: { isNumber: true },
    cell: ({ row: { original: webhook } }) =>
      webhook.dead === 0 ? (
        asNumber(0)
      ) : (
        <Go to="/webhooks/$webhook" params={{ webhook: webhook.id }} search={{ state: 'dead' }}>
          {asNumber(webhook.dead)}
        </Go>
      ),
  },
  {
    id: 'changed',
    header: text.webhook.changed,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.changed_at} />,
  },
];

/** The company's webhooks, by name. */
export function WebhookList({ create }: { create: ReactNode }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = { page_token: search.page_token, limit: search.limit };
  const read = useRead(['webhooks', query], (api) => api.GET('/api/v1/webhooks', { params: { query } }));
  return (
    <ListView
      label={text.webhook.tabs.webhooks}
      read={read}
      columns={columns}
      rowId={(webhook) => webhook.id}
      search={search}
      set={(change) =>
        void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) })
      }
      actions={<Export path="/api/v1/webhooks/export" query={{}} name="webhooks" />}
      empty={
        <Notice title={text.webhook.none} action={create}>
          {text.webhook.noneDetail}
        </Notice>
      }
    />
  );
}
