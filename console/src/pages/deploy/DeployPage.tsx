import { Button, Card, NumberInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useForm } from '@mantine/form';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';
import { type RefObject, useId, useState } from 'react';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asNumber } from '../../format/number';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Confirm } from '../../parts/Confirm';
import { Moment } from '../../parts/Moment';
import { useFocusKept } from '../../parts/focus';
import { PageHead } from '../../parts/PageHead';
import { NoPermission, Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { Arrivals } from './Arrived';
import { Install } from './Install';

const route = getRouteApi('/app/deploy');
type Token = Schemas['EnrolmentToken'];

const DAY_S = 86_400;

/** From nothing to a host that reports: a token, the lines that install with it, and the host as soon as it is there. */
export function DeployPage() {
  const { may } = useSession();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [made, setMade] = useState<Token>();
  const title = useFocusKept<HTMLHeadingElement>(search.token ?? '');
  /** The address names the token, so that who came with it can be looked at again; its secret is shown once. */
  const look = (token?: string) => void navigate({ search: (old) => ({ company: old.company, token }) });
  if (!may('tokens:manage')) {
    return (
      <>
        <PageHead title={text.nav.deploy} />
        <NoPermission />
      </>
    );
  }
  return (
    <>
      <PageHead title={text.nav.deploy} lead={text.deploy.lead} />
      <Stack gap="lg">
        {made !== undefined && made.id === search.token ? (
          <Made token={made} again={() => look()} title={title} />
        ) : search.token !== undefined ? (
          <Came token={search.token} title={title} />
        ) : (
          <NewToken
            title={title}
            done={(token) => {
              setMade(token);
              look(token.id);
            }}
          />
        )}
        <section>
          <Title order={2} size="h4" mb="xs">
            {text.deploy.tokens}
          </Title>
          <Tokens />
        </section>
      </Stack>
    </>
  );
}

interface Values {
  name: string;
  labels: string;
  uses_max: number | '';
  days: number | '';
}

/** Labels as people write them: `site=north, tier=web`. */
function labelsOf(written: string): Record<string, string> {
  const pairs = written
    .split(',')
    .map((pair) => pair.trim())
    .filter(Boolean)
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair, ''] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
    });
  return Object.fromEntries(pairs) as Record<string, string>;
}

/** The heading of the card, which gets the focus when another card has gone with what was pressed on it. */
interface Titled {
  title: RefObject<HTMLHeadingElement | null>;
}

function NewToken({ done, title }: Titled & { done: (token: Token) => void }) {
  const form = useForm<Values>({ initialValues: { name: '', labels: '', uses_max: '', days: 7 } });
  const create = useWrite(
    (api, body: Schemas['NewEnrolmentToken']) => api.POST('/api/v1/enrolment-tokens', { body }),
    {
      onDone: done,
    },
  );
  return (
    <Card withBorder component="section" aria-label={text.deploy.newToken}>
      <form
        onSubmit={form.onSubmit((values) =>
          create.mutate(
            {
              name: values.name,
              labels: labelsOf(values.labels),
              uses_max: values.uses_max === '' ? undefined : values.uses_max,
              expires_after_s: values.days === '' ? undefined : values.days * DAY_S,
            },
            { onError: (error) => form.setErrors(error.fields) },
          ),
        )}
      >
        <Stack maw={480}>
          <Title order={2} size="h4" ref={title} tabIndex={-1}>
            {text.deploy.newToken}
          </Title>
          <TextInput
            label={text.deploy.tokenName}
            placeholder={text.deploy.tokenExample}
            required
            {...form.getInputProps('name')}
          />
          <TextInput
            label={text.host.enrolledWith}
            description={text.deploy.labelsDetail}
            placeholder="site=north, tier=web"
            {...form.getInputProps('labels')}
          />
          <NumberInput
            label={text.deploy.usesMax}
            description={text.deploy.usesDetail}
            min={1}
            {...form.getInputProps('uses_max')}
          />
          <NumberInput
            label={text.deploy.days}
            description={text.deploy.daysDetail}
            min={1}
            max={3650}
            {...form.getInputProps('days')}
          />
          <Button type="submit" loading={create.isPending} className="fit">
            {text.deploy.create}
          </Button>
        </Stack>
      </form>
    </Card>
  );
}

/** The token whole and how to install with it, once, and whether a host has come. */
function Made({ token, again, title }: Titled & { token: Token; again: () => void }) {
  const once = useId();
  return (
    <Card withBorder component="section" aria-label={text.deploy.made}>
      <Stack>
        <Title order={2} size="h4" ref={title} tabIndex={-1} aria-describedby={once}>
          {text.deploy.made}
        </Title>
        <Text id={once}>{text.deploy.once}</Text>
        <Install token={token.token ?? ''} />
        <Arrivals token={token.id} />
        <Button variant="default" onClick={again} className="fit">
          {text.deploy.another}
        </Button>
      </Stack>
    </Card>
  );
}

/** The hosts that came with a token that was made before. */
function Came({ token, title }: Titled & { token: string }) {
  return (
    <Card withBorder component="section" aria-label={text.deploy.came}>
      <Stack>
        <Title order={2} size="h4" ref={title} tabIndex={-1}>
          {text.deploy.came}
        </Title>
        <Arrivals token={token} />
        <Go to="/deploy" search={{}}>
          {text.deploy.another}
        </Go>
      </Stack>
    </Card>
  );
}

const columns: ColumnDef<Token>[] = [
  {
    id: 'name',
    header: text.common.name,
    cell: ({ row: { original: token } }) => (
      <Go to="/deploy" search={{ token: token.id }}>
        {token.name}
      </Go>
    ),
  },
  {
    id: 'labels',
    header: text.host.enrolledWith,
    meta: { wide: true },
    cell: ({ row }) =>
      Object.entries(row.original.labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(', '),
  },
  {
    id: 'uses',
    header: text.deploy.uses,
    meta: { isNumber: true },
    cell: ({ row: { original: token } }) =>
      token.uses_max == null ? asNumber(token.uses) : text.deploy.usesOf(token.uses, token.uses_max),
  },
  { id: 'expires', header: text.deploy.expires, cell: ({ row }) => <Moment at={row.original.expires_at} /> },
  {
    id: 'created',
    header: text.common.created,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.created_at} />,
  },
  { id: 'revoke', header: text.common.actions, cell: ({ row }) => <Revoke token={row.original} /> },
];

function Revoke({ token }: { token: Token }) {
  const revoke = useWrite(
    (api) => api.DELETE('/api/v1/enrolment-tokens/{token}', { params: { path: { token: token.id } } }),
    {
      done: text.deploy.revoked,
    },
  );
  if (token.revoked_at != null) return <span className="severity">{text.host.revoked}</span>;
  return (
    <Confirm
      size="compact-sm"
      label={text.common.revoke}
      of={token.name}
      detail={text.deploy.revokeDetail(token.name)}
      onConfirm={() => revoke.mutate()}
    />
  );
}

function Tokens() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = { page_token: search.page_token, limit: search.limit };
  const read = useRead(['enrolment-tokens', query], (api) =>
    api.GET('/api/v1/enrolment-tokens', { params: { query } }),
  );
  return (
    <ListView
      label={text.deploy.tokens}
      read={read}
      columns={columns}
      rowId={(token) => token.id}
      search={search}
      set={(change) =>
        void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) })
      }
      actions={<Export path="/api/v1/enrolment-tokens/export" query={{}} name="enrolment-tokens" />}
      empty={<Notice title={text.deploy.none} />}
    />
  );
}
