import { Alert, Stack, Text, Title } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { asBytes, asNumber } from '../../format/number';
import { Go } from '../../parts/Go';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import { Counts } from '../../parts/Severity';
import { text } from '../../text/text';

/** What a host says of itself, how it reaches the collector, and how far its reports have come. */
export function HostFacts({ host }: { host: Schemas['HostDetail'] }) {
  const { facts, delivery, connection } = host;
  const transport = connection.transport as keyof typeof text.host.transports | null | undefined;
  const reason = connection.not_quic as keyof typeof text.host.notQuic | null | undefined;
  return (
    <Stack gap="lg">
      {host.cloned_at != null && (
        <Alert color="orange" variant="outline" title={text.host.cloned}>
          {text.host.clonedDetail} <Moment at={host.cloned_at} as="instant" />
        </Alert>
      )}
      {host.rekeyed_from != null && (
        <Text>
          {text.host.rekeyed}{' '}
          <Go to="/hosts/$host" params={{ host: host.rekeyed_from }}>
            {host.rekeyed_from}
          </Go>
        </Text>
      )}
      <Facts
        of={[
          [text.host.findings, <Counts key="f" of={host.findings} />],
          [text.host.software, asNumber(host.software)],
          [text.host.os, host.os_name],
          [text.host.platform, `${host.platform.id || host.platform.family} ${host.platform.version}`],
          [text.host.kernel, facts?.kernel],
          [text.host.arch, facts?.arch],
          [text.host.cpu, facts ? `${facts.cpu_model} × ${facts.cpu_count}` : undefined],
          [text.host.memory, facts ? asBytes(facts.memory_bytes) : undefined],
          [
            text.host.agent,
            host.kind === 'sbom'
              ? text.host.agentless
              : text.host.agentOf(host.agent_version, host.agent_outdated),
          ],
          [text.host.id, host.id],
        ]}
      />
      <section>
        <Title order={2} size="h5" mb="xs">
          {text.host.connection}
        </Title>
        <Facts
          of={[
            [text.host.seen, <Moment key="s" at={host.last_seen_at} />],
            [
              text.host.transport,
              transport == null ? text.common.unknown : (text.host.transports[transport] ?? transport),
            ],
            [text.host.why, reason == null ? undefined : (text.host.notQuic[reason] ?? reason)],
            [
              text.host.overdueFrom,
              host.overdue_at == null ? undefined : <Moment key="o" at={host.overdue_at} as="instant" />,
            ],
            [text.host.certificate, <Moment key="c" at={host.certificate_expires_at} as="day" />],
            [text.host.enrolled, <Moment key="e" at={host.enrolled_at} as="instant" />],
            [
              text.host.revoked,
              host.revoked_at == null ? undefined : <Moment key="r" at={host.revoked_at} as="instant" />,
            ],
            [
              text.host.uninstalled,
              host.uninstalled_at == null ? undefined : (
                <Moment key="u" at={host.uninstalled_at} as="instant" />
              ),
            ],
          ]}
        />
      </section>
      <section>
        <Title order={2} size="h5" mb="xs">
          {text.host.delivery}
        </Title>
        <Facts
          of={[
            [text.host.applied, <Moment key="a" at={delivery.applied_at} />],
            [text.host.position, delivery.applied],
            [text.host.records, asNumber(delivery.records)],
            [text.host.digest, delivery.digest],
            [
              text.host.snapshot,
              delivery.snapshot_asked_at == null ? undefined : (
                <Moment key="n" at={delivery.snapshot_asked_at} />
              ),
            ],
          ]}
        />
      </section>
    </Stack>
  );
}
