import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import { useRead } from '../../api/read';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { type Delivery, deliveryColumns } from './columns';

const route = getRouteApi('/app/webhooks');

/** Whose message it is. */
const whose = (names: ReadonlyMap<string, string>): ColumnDef<Delivery> => ({
  id: 'webhook',
  header: text.webhook.one,
  cell: ({ row: { original: one } }) => (
    <Go to="/webhooks/$webhook" params={{ webhook: one.webhook }}>
      {names.get(one.webhook) ?? one.webhook.slice(0, 8)}
    </Go>
  ),
});

/** The messages that were given up, of all webhooks, newest first. */
export function DeadLetters() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = { page_token: search.page_token, limit: search.limit };
  const read = useRead(['webhooks', 'dead', query], (api) =>
    api.GET('/api/v1/webhooks/dead-letters', { params: { query } }),
  );
  const webhooks = useRead(['webhooks', 'all'], (api) =>
    api.GET('/api/v1/webhooks', { params: { query: { limit: 1000 } } }),
  );
  const names = new Map(webhooks.data?.items.map((webhook) => [webhook.id, webhook.name]));
  const look = (one: Delivery) =>
    void navigate({
      to: '/webhooks/$webhook',
      params: { webhook: one.webhook },
      search: { open: one.id },
    });
  const [first, ...others] = deliveryColumns(look);
  return (
    <ListView
      label={text.webhook.tabs.dead}
      read={read}
      columns={first ? [first, whose(names), ...others] : others}
      rowId={(one) => one.id}
      search={search}
      set={(change) =>
        void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) })
      }
      actions={<Export path="/api/v1/webhooks/dead-letters/export" query={{}} name="webhook-dead-letters" />}
      empty={<Notice title={text.webhook.noDead}>{text.webhook.noDeadDetail}</Notice>}
    />
  );
}
