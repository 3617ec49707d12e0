import { Tabs } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import type { Permission } from '../../api/permission';
import { useSession } from '../../api/session';
import { PageHead } from '../../parts/PageHead';
import { NoPermission } from '../../parts/States';
import { text } from '../../text/text';
import { AgentSettings } from './AgentSettings';
import { ApiKeys } from './ApiKeys';
import { CompanyExport } from './CompanyExport';
import { ExceptionSettings } from './ExceptionSettings';
import { People } from './People';
import { ProviderSettings } from './ProviderSettings';
import { RetentionSettings } from './RetentionSettings';

const route = getRouteApi('/app/settings');

const TABS: readonly {
  id: 'people' | 'provider' | 'keys' | 'agents' | 'exceptions' | 'kept';
  needs: Permission;
}[] = [
  { id: 'people', needs: 'users:manage' },
  { id: 'provider', needs: 'users:manage' },
  { id: 'keys', needs: 'keys:manage' },
  { id: 'agents', needs: 'inventory:read' },
  { id: 'exceptions', needs: 'inventory:read' },
  { id: 'kept', needs: 'inventory:read' },
];

/** What is set for the company: people, how they sign in, keys, what agents are told, how exceptions come to hold. */
export function SettingsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const shown = TABS.filter((tab) => may(tab.needs));
  // A link to what one may not see says so, and shows nothing else in its place.
  const isRefused = search.tab !== undefined && !shown.some((one) => one.id === search.tab);
  const tab = isRefused ? null : (search.tab ?? shown[0]?.id ?? null);
  return (
    <>
      <PageHead title={text.nav.settings} />
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(next) =>
          void navigate({
            search: (old) => ({ company: old.company, tab: TABS.find((one) => one.id === next)?.id }),
          })
        }
      >
        <Tabs.List mb="md">
          {shown.map((one) => (
            <Tabs.Tab key={one.id} value={one.id}>
              {text.settings.tabs[one.id]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {isRefused && <NoPermission />}
        <Tabs.Panel value="people">
          <People />
        </Tabs.Panel>
        <Tabs.Panel value="provider">
          <ProviderSettings />
        </Tabs.Panel>
        <Tabs.Panel value="keys">
          <ApiKeys />
        </Tabs.Panel>
        <Tabs.Panel value="agents">
          <AgentSettings />
        </Tabs.Panel>
        <Tabs.Panel value="exceptions">
          <ExceptionSettings />
        </Tabs.Panel>
        <Tabs.Panel value="kept">
          <RetentionSettings />
          <CompanyExport />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
