import { Button, SegmentedControl } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import { useSession } from '../../api/session';
import { PageHead } from '../../parts/PageHead';
import { NoPermission } from '../../parts/States';
import { text } from '../../text/text';
import { changed } from '../../url/search';
import { DeadLetters } from './DeadLetters';
import { Events } from './Events';
import { WebhookForm } from './WebhookForm';
import { WebhookList } from './WebhookList';

const route = getRouteApi('/app/webhooks');

const TABS = ['webhooks', 'dead', 'events'] as const;

/** Whom the company tells what happens in it, what was given up, and what happens now. */
export function WebhooksPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const mayManage = may('webhooks:manage');
  // What happens may be seen by everybody who sees the inventory.
  const shown = TABS.filter((one) => mayManage || one === 'events');
  const tab = search.tab ?? shown[0] ?? 'events';
  const edit = (id: string | undefined) => void navigate({ search: (old) => changed(old, { edit: id }) });
  const create = mayManage && (
    <Button size="xs" onClick={() => edit('new')}>
      {text.webhook.create}
    </Button>
  );
  return (
    <>
      <PageHead title={text.nav.webhooks} lead={tab === 'events' ? text.event.lead : text.webhook.lead}>
        {shown.length > 1 && (
          <SegmentedControl
            size="xs"
            aria-label={text.webhook.view}
            value={tab}
            data={shown.map((one) => ({ value: one, label: text.webhook.tabs[one] }))}
            onChange={(next) =>
              void navigate({
                search: (old) => ({ company: old.company, tab: TABS.find((one) => one === next) }),
              })
            }
          />
        )}
        {tab === 'webhooks' && create}
      </PageHead>
      {!shown.includes(tab) && <NoPermission />}
      {mayManage && tab === 'webhooks' && <WebhookList create={create} />}
      {mayManage && tab === 'dead' && <DeadLetters />}
      {tab === 'events' && <Events />}
      {mayManage && search.edit !== undefined && (
        <WebhookForm edit={search.edit} close={() => edit(undefined)} />
      )}
    </>
  );
}
