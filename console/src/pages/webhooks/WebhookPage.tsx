import { Button, Stack, Title } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asNumber } from '../../format/number';
import { Confirm } from '../../parts/Confirm';
import { Facts } from '../../parts/Facts';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { Failure, Loading, NoPermission, ReadAt } from '../../parts/States';
import { text } from '../../text/text';
import { changed } from '../../url/search';
import { Deliveries } from './Deliveries';
import { ReplaySince } from './ReplaySince';
import { Secret } from './Secret';
import { WebhookForm } from './WebhookForm';
import { kindsOf } from './WebhookList';

const route = getRouteApi('/app/webhooks/$webhook');
type Webhook = Schemas['Webhook'];

/** One webhook: what it is told, what became of it, and what can be done about that. */
export function WebhookPage() {
  const { may } = useSession();
  return may('webhooks:manage') ? (
    <Permitted />
  ) : (
    <>
      <PageHead title={text.webhook.one} />
      <NoPermission />
    </>
  );
}

function Permitted() {
  const { webhook: id } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const read = useRead(['webhook', id], (api) =>
    api.GET('/api/v1/webhooks/{webhook}', { params: { path: { webhook: id } } }),
  );
  const edit = (to: string | undefined) =>
    void navigate({ search: (old) => changed(old, { edit: to, page_token: old.page_token }) });

  if (read.data === undefined) {
    return (
      <>
        <PageHead title={text.webhook.one} />
        {read.error ? (
          <Failure
            error={read.error}
            retry={() => void read.refetch()}
            onward={<Go to="/webhooks">{text.nav.webhooks}</Go>}
          />
        ) : (
          <Loading />
        )}
      </>
    );
  }
  return (
    <>
      <PageHead title={read.data.name}>
        <ReadAt read={read} />
        <Actions webhook={read.data} edit={() => edit(id)} />
      </PageHead>
      <Stack gap="lg">
        <About webhook={read.data} />
        <section>
          <Title order={2} size="h4" mb="xs">
            {text.webhook.deliveries}
          </Title>
          <Deliveries id={id} />
        </section>
      </Stack>
      {search.edit === id && <WebhookForm edit={id} close={() => edit(undefined)} />}
    </>
  );
}

function About({ webhook }: { webhook: Webhook }) {
  return (
    <Facts
      of={[
        [text.webhook.url, webhook.url],
        [text.webhook.template, text.webhook.templates[webhook.template]],
        [text.webhook.kinds, kindsOf(webhook.kinds)],
        [text.webhook.enabled, webhook.enabled ? text.common.yes : text.common.no],
        [text.webhook.pending, asNumber(webhook.pending)],
        [text.webhook.dead, asNumber(webhook.dead)],
        [text.common.created, <Moment key="c" at={webhook.created_at} as="instant" />],
        [text.webhook.changed, <Moment key="h" at={webhook.changed_at} as="instant" />],
      ]}
    />
  );
}

function Actions({ webhook, edit }: { webhook: Webhook; edit: () => void }) {
  const navigate = route.useNavigate();
  const [made, setMade] = useState<Schemas['WebhookWithSecret']>();
  const params = { path: { webhook: webhook.id } };
  const test = useWrite((api) => api.POST('/api/v1/webhooks/{webhook}/test', { params }), {
    done: text.webhook.tested,
  });
  const rotate = useWrite((api) => api.POST('/api/v1/webhooks/{webhook}/secret', { params }), {
    onDone: setMade,
  });
  const remove = useWrite((api) => api.DELETE('/api/v1/webhooks/{webhook}', { params }), {
    done: text.webhook.deleted,
    onDone: () => void navigate({ to: '/webhooks' }),
  });
  return (
    <>
      <Button size="xs" onClick={() => test.mutate()} loading={test.isPending}>
        {text.webhook.test}
      </Button>
      <Button size="xs" variant="default" onClick={edit}>
        {text.common.edit}
      </Button>
      <ReplaySince webhook={webhook} />
      <Confirm
        label={text.webhook.rotate}
        detail={text.webhook.rotateDetail}
        onConfirm={() => rotate.mutate()}
      />
      <Confirm
        label={text.common.delete}
        detail={text.webhook.deleteDetail(webhook.name)}
        onConfirm={() => remove.mutate()}
      />
      {made && <Secret of={made} close={() => setMade(undefined)} />}
    </>
  );
}
