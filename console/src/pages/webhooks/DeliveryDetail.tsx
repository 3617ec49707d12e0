import { Code, Group, Stack, Text } from '@mantine/core';

import { useRead } from '../../api/read';
import { asNumber } from '../../format/number';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { DeliveryState, Replay } from './columns';

const WAITING_MS = 2_000;

interface DeliveryDetailProps {
  webhook: string;
  id: string;
}

/** One message: how it stands, and what its receiver said. */
export function DeliveryDetail({ webhook, id }: DeliveryDetailProps) {
  const path = { webhook, delivery: id };
  const read = useRead(
    ['webhook', webhook, 'delivery', id],
    (api) => api.GET('/api/v1/webhooks/{webhook}/deliveries/{delivery}', { params: { path } }),
    { every: (one) => (one?.state === 'pending' ? WAITING_MS : false) },
  );
  return (
    <ReadView read={read}>
      {(one) => (
        <Stack>
          <Group justify="space-between">
            <DeliveryState of={one.state} />
            <ReadAt read={read} />
          </Group>
          <Facts
            of={[
              [text.webhook.kind, text.event.kindOf(one.kind)],
              [text.webhook.tells, text.webhook.events(one.events)],
              [text.webhook.attempts, asNumber(one.attempts)],
              [text.webhook.created, <Moment key="c" at={one.created_at} as="instant" />],
              [
                text.webhook.attempted,
                one.attempted_at && <Moment key="a" at={one.attempted_at} as="instant" />,
              ],
              [text.webhook.next, one.next_at && <Moment key="n" at={one.next_at} />],
              [text.webhook.givesUp, one.gives_up_at && <Moment key="g" at={one.gives_up_at} as="instant" />],
              [text.webhook.ended, one.ended_at && <Moment key="e" at={one.ended_at} as="instant" />],
              [text.webhook.answered, one.status == null ? undefined : `HTTP ${one.status}`],
              [text.webhook.trouble, one.error],
              [text.webhook.id, one.id],
            ]}
          />
          {one.answer != null && one.answer !== '' && (
            <div>
              <Text size="sm" fw={500}>
                {text.webhook.answer}
              </Text>
              <Code block tabIndex={0} role="region" aria-label={text.webhook.answer}>
                {one.answer}
              </Code>
            </div>
          )}
          <Replay of={one} />
        </Stack>
      )}
    </ReadView>
  );
}
