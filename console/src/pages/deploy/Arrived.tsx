import { Stack, Text } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { Go } from '../../parts/Go';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';

type Token = Schemas['EnrolmentToken'];

const POLL_MS = 3_000;
const SHOWN_MAX = 5;

/** Whether hosts have come with a token, and which, followed for as long as it is looked at. */
export function Arrivals({ token }: { token: string }) {
  const read = useRead(
    ['enrolment-token', token],
    (api) => api.GET('/api/v1/enrolment-tokens/{token}', { params: { path: { token } } }),
    // Nobody comes with a token that there is not.
    { every: (one) => (one === undefined ? false : POLL_MS) },
  );
  return (
    <ReadView read={read} lines={1}>
      {(now) => <Arrived token={now} />}
    </ReadView>
  );
}

/** The hosts that came with a token, the newest first. */
function Arrived({ token }: { token: Token }) {
  const query = { enrolment_token: token.id, sort: 'enrolled' as const, limit: SHOWN_MAX };
  const hosts = useRead(['hosts', query], (api) => api.GET('/api/v1/hosts', { params: { query } }), {
    every: POLL_MS,
    enabled: token.uses > 0,
  });
  return (
    <div role="status" aria-live="polite">
      {token.uses === 0 ? (
        <Text>{text.deploy.waiting}</Text>
      ) : (
        <Stack gap={4}>
          <Text fw={600}>{text.deploy.arrived(token.uses)}</Text>
          {hosts.data?.items.map((host) => (
            <Text key={host.id}>
              <Go to="/hosts/$host" params={{ host: host.id }}>
                {host.hostname}
              </Go>{' '}
              ·{' '}
              {host.last_seen_at == null
                ? text.host.silent
                : text.deploy.reports(host.software, host.findings.open)}
            </Text>
          ))}
        </Stack>
      )}
    </div>
  );
}
