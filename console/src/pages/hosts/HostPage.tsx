import { Badge, Button, Card, Group, Menu, Stack, Tabs, Text } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { Confirm } from '../../parts/Confirm';
import { Go } from '../../parts/Go';
import { PageHead } from '../../parts/PageHead';
import { Failure, Loading, ReadAt } from '../../parts/States';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { HostState } from './columns';
import { HostFacts } from './HostFacts';
import { HostFindings } from './HostFindings';
import { HostHistory } from './HostHistory';
import { HostPolicies } from './HostPolicies';
import { HostSoftware } from './HostSoftware';
import { HostSources } from './HostSources';

const route = getRouteApi('/app/hosts/$host');
const WAITING_MS = 3_000;
const TABS = ['facts', 'software', 'findings', 'policies', 'sources', 'history'] as const;

/** One host: what it is, what it has, and how it gets on. */
export function HostPage() {
  const { host: id } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const read = useRead(
    ['host', id],
    (api) => api.GET('/api/v1/hosts/{host}', { params: { path: { host: id } } }),
    {
      // A scan that was asked for ends within seconds; nothing tells that it has.
      every: WAITING_MS * 5,
    },
  );
  const scan = useWrite((api) => api.POST('/api/v1/hosts/{host}/scan', { params: { path: { host: id } } }), {
    done: text.host.scanAsked,
  });
  const revoke = useWrite(
    (api) => api.POST('/api/v1/hosts/{host}/revoke', { params: { path: { host: id } } }),
    {
      done: text.host.revokedDone,
    },
  );
  const erase = useWrite((api) => api.DELETE('/api/v1/hosts/{host}', { params: { path: { host: id } } }), {
    done: text.host.erased,
    onDone: () => void navigate({ to: '/hosts' }),
  });

  if (read.data === undefined) {
    return (
      <>
        <PageHead title={text.host.host} />
        {read.error ? (
          <Failure
            error={read.error}
            retry={() => void read.refetch()}
            onward={<Go to="/hosts">{text.nav.hosts}</Go>}
          />
        ) : (
          <Loading />
        )}
      </>
    );
  }
  const host = read.data;
  const tab = search.tab ?? 'facts';
  const isScanning = host.scan_requested > host.scan_done;
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });

  return (
    <>
      <PageHead
        title={host.hostname}
        lead={
          <Group gap="xs">
            <HostState host={host} />
            <span>{host.os_name}</span>
            {isScanning && <Badge variant="outline">{text.host.scanning}</Badge>}
          </Group>
        }
      >
        <ReadAt read={read} />
        {may('hosts:scan') && host.revoked_at == null && host.kind === 'agent' && (
          <Button size="xs" onClick={() => scan.mutate()} loading={scan.isPending} disabled={isScanning}>
            {text.host.scan}
          </Button>
        )}
        {may('hosts:revoke') && host.revoked_at == null && (
          <Confirm
            label={text.host.revoke}
            detail={text.host.revokeDetail(host.hostname)}
            onConfirm={() => revoke.mutate()}
          />
        )}
        {may('hosts:revoke') && host.revoked_at != null && (
          <Confirm
            label={text.host.erase}
            detail={text.host.eraseDetail(host.hostname)}
            onConfirm={() => erase.mutate()}
          />
        )}
      </PageHead>
      <HostLabels host={host} />
      <Tabs
        value={tab}
        onChange={(next) =>
          void navigate({
            search: (old) => ({ company: old.company, tab: TABS.find((one) => one === next) }),
          })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {TABS.map((one) => (
            <Tabs.Tab key={one} value={one}>
              {text.host.tabs[one]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="facts">
          <HostFacts host={host} />
        </Tabs.Panel>
        <Tabs.Panel value="software">
          <HostSoftware id={id} hostname={host.hostname} search={search} set={set} />
        </Tabs.Panel>
        <Tabs.Panel value="findings">
          <HostFindings host={host} search={search} set={set} />
        </Tabs.Panel>
        <Tabs.Panel value="policies">
          <HostPolicies id={id} hostname={host.hostname} />
        </Tabs.Panel>
        <Tabs.Panel value="sources">
          <HostSources host={host} />
        </Tabs.Panel>
        <Tabs.Panel value="history">
          <HostHistory host={host} search={search} set={set} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

/** The labels that the host carries; those that people give can be given and taken here. */
function HostLabels({ host }: { host: Schemas['HostDetail'] }) {
  const { may } = useSession();
  const own = useRead(['host', host.id, 'labels'], (api) =>
    api.GET('/api/v1/hosts/{host}/labels', { params: { path: { host: host.id } } }),
  );
  const all = useRead(
    ['labels', 'all'],
    (api) => api.GET('/api/v1/labels', { params: { query: { limit: 1000 } } }),
    {
      enabled: may('hosts:label'),
    },
  );
  const assign = useWrite(
    (api, { label, carries }: { label: string; carries: boolean }) =>
      api.POST('/api/v1/labels/{label}/hosts', {
        params: { path: { label } },
        body: { carries, hosts: [host.id] },
      }),
    { done: (_, { carries }) => (carries ? text.label.given : text.label.taken) },
  );
  const carried = own.data?.items ?? [];
  const given = (all.data?.items ?? []).filter((label) => label.rule == null);
  return (
    <Card withBorder padding="xs" mb="md" component="section" aria-label={text.nav.labels}>
      <Group gap="xs">
        <Text size="sm" c="dimmed">
          {text.nav.labels}:
        </Text>
        {carried.length === 0 && <Text size="sm">{text.common.none}</Text>}
        {carried.map((label) => (
          <Badge key={label.id} variant="outline" tt="none">
            {label.name}
          </Badge>
        ))}
        {may('hosts:label') && given.length > 0 && (
          <Menu>
            <Menu.Target>
              <Button variant="subtle" size="compact-sm">
                {text.label.change}
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {given.map((label) => {
                const carries = carried.some((one) => one.id === label.id);
                return (
                  <Menu.CheckboxItem
                    key={label.id}
                    checked={carries}
                    onChange={() => assign.mutate({ label: label.id, carries: !carries })}
                  >
                    {label.name}
                  </Menu.CheckboxItem>
                );
              })}
            </Menu.Dropdown>
          </Menu>
        )}
      </Group>
      {Object.keys(host.labels).length > 0 && (
        <Stack gap={0} mt={4}>
          <Text size="sm" c="dimmed">
            {text.host.enrolledWith}:{' '}
            {Object.entries(host.labels)
              .map(([name, value]) => `${name}=${value}`)
              .join(', ')}
          </Text>
        </Stack>
      )}
    </Card>
  );
}
