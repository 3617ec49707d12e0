import { Drawer, Text } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { DELIVERY_STATES } from '../../app/searches';
import { Export } from '../../parts/Export';
import { Choice } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { deliveryColumns } from './columns';
import { DeliveryDetail } from './DeliveryDetail';

const route = getRouteApi('/app/webhooks/$webhook');
/** How often messages are asked for that are still on their way. */
const WAITING_MS = 3_000;

/** Whether something of a list may be another the next moment. */
const every = (page: Schemas['WebhookDeliveryPage'] | undefined) =>
  page?.items.some((one) => one.state === 'pending') === true ? WAITING_MS : false;

/** A webhook's messages, newest first, and what became of one. */
export function Deliveries({ id }: { id: string }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const path = { webhook: id };
  const query = { state: search.state, page_token: search.page_token, limit: search.limit };
  const read = useRead(
    ['webhook', id, 'deliveries', query],
    (api) => api.GET('/api/v1/webhooks/{webhook}/deliveries', { params: { path, query } }),
    { every },
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const isFiltered = search.state !== undefined;
  const look = (open: string | undefined) => set({ open, page_token: search.page_token });
  return (
    <>
      <Filters clear={isFiltered ? () => set({ state: undefined }) : undefined}>
        <Choice
          label={text.webhook.state}
          options={DELIVERY_STATES.map((one) => [one, text.webhook.states[one]] as const)}
          value={search.state}
          set={(state) => set({ state })}
        />
      </Filters>
      <ListView
        label={text.webhook.deliveries}
        read={read}
        columns={deliveryColumns((one) => look(one.id))}
        rowId={(one) => one.id}
        search={search}
        set={set}
        current={search.open}
        actions={
          <Export
            path={`/api/v1/webhooks/${id}/deliveries/export`}
            query={{ state: search.state }}
            name="webhook-deliveries"
          />
        }
        empty={
          <Notice title={isFiltered ? text.webhook.noneFound : text.webhook.noDeliveries}>
            {isFiltered ? text.common.noneFoundDetail : text.webhook.noDeliveriesDetail}
          </Notice>
        }
      />
      <Drawer
        opened={search.open !== undefined}
        onClose={() => look(undefined)}
        position="right"
        size="lg"
        title={<Text fw={600}>{text.webhook.delivery}</Text>}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        {search.open !== undefined && <DeliveryDetail webhook={id} id={search.open} />}
      </Drawer>
    </>
  );
}
