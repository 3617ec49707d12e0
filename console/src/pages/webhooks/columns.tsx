import { Anchor, Button } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';

import type { Schemas } from '../../api/client';
import { useWrite } from '../../api/read';
import { asNumber } from '../../format/number';
import { Moment } from '../../parts/Moment';
import { text } from '../../text/text';

/** A message of a webhook. */
export type Delivery = Schemas['WebhookDelivery'];

/** How a message stands, in a word. */
export function DeliveryState({ of }: { of: Delivery['state'] }) {
  const colour = { pending: 'severity-high', delivered: 'severity-low', dead: 'severity-critical' }[of];
  return <span className={`severity ${colour}`}>{text.webhook.states[of]}</span>;
}

/** What the receiver said last, or why it could not be asked. */
export function outcomeOf(one: Delivery): string {
  if (one.error != null) return one.error;
  return one.status == null ? '' : `HTTP ${one.status}`;
}

/** Sends a message again, with the id that it has. */
export function Replay({ of }: { of: Delivery }) {
  const replay = useWrite(
    (api) =>
      api.POST('/api/v1/webhooks/{webhook}/deliveries/{delivery}/replay', {
        params: { path: { webhook: of.webhook, delivery: of.id } },
      }),
    { done: text.webhook.replayed },
  );
  if (of.state === 'pending') return null;
  return (
    <Button
      variant="default"
      size="compact-sm"
      className="fit"
      loading={replay.isPending}
      onClick={() => replay.mutate()}
    >
      {text.webhook.replay}
    </Button>
  );
}

/** The columns of messages, wherever they are listed. */
export const deliveryColumns = (open: (one: Delivery) => void): ColumnDef<Delivery>[] => [
  {
    id: 'created',
    header: text.webhook.created,
    cell: ({ row: { original: one } }) => (
      <Anchor component="button" type="button" ta="left" onClick={() => open(one)}>
        <Moment at={one.created_at} as="instant" />
      </Anchor>
    ),
  },
  { id: 'state', header: text.webhook.state, cell: ({ row }) => <DeliveryState of={row.original.state} /> },
  {
    id: 'kind',
    header: text.webhook.kind,
    meta: { wide: true },
    cell: ({ row: { original: one } }) =>
      one.events > 1
        ? `${text.event.kindOf(one.kind)} · ${text.webhook.events(one.events)}`
        : text.event.kindOf(one.kind),
  },
  {
    id: 'attempts',
    header: text.webhook.attempts,
    meta: { isNumber: true, wide: true },
    cell: ({ row }) => asNumber(row.original.attempts),
  },
  { id: 'answer', header: text.webhook.answered, cell: ({ row }) => outcomeOf(row.original) },
  {
    id: 'attempted',
    header: text.webhook.attempted,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.attempted_at} />,
  },
  { id: 'replay', header: text.common.actions, cell: ({ row }) => <Replay of={row.original} /> },
];
