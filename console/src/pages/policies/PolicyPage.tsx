import { Button, Stack } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { POLICY_STATES } from '../../app/searches';
import { OF_POLICIES } from '../../live/news';
import { Go } from '../../parts/Go';
import { Confirm } from '../../parts/Confirm';
import { Export } from '../../parts/Export';
import { Facts } from '../../parts/Facts';
import { Choice } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { Failure, Loading, Notice, ReadAt } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { PolicyState, Reason } from './Outcome';
import { Outcome } from './PoliciesPage';
import { PolicyForm } from './PolicyForm';
import { sentence } from './rules';

const route = getRouteApi('/app/policies/$policy');

const columns: ColumnDef<Schemas['PolicyHost']>[] = [
  {
    id: 'host',
    header: text.host.hostname,
    cell: ({ row: { original: one } }) => (
      <Go to="/hosts/$host" params={{ host: one.host }}>
        {one.hostname}
      </Go>
    ),
  },
  { id: 'state', header: text.policy.outcome, cell: ({ row }) => <PolicyState state={row.original.state} /> },
  { id: 'reason', header: text.policy.reason, cell: ({ row }) => <Reason of={row.original.reason} /> },
  {
    id: 'since',
    header: text.policy.since,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.since} />,
  },
];

/** One policy, and the hosts for which it does not hold. */
export function PolicyPage() {
  const { policy: id } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const path = { policy: id };
  const read = useRead(['policy', id], (api) => api.GET('/api/v1/policies/{policy}', { params: { path } }));
  const filter = { state: search.state };
  const query = { ...filter, page_token: search.page_token, limit: search.limit };
  const hosts = useRead(['policy', id, 'hosts', query], (api) =>
    api.GET('/api/v1/policies/{policy}/hosts', { params: { path, query } }),
  );
  const remove = useWrite((api) => api.DELETE('/api/v1/policies/{policy}', { params: { path } }), {
    done: text.policy.deleted,
    onDone: () => void navigate({ to: '/policies' }),
  });
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });

  if (read.data === undefined) {
    return (
      <>
        <PageHead title={text.policy.policy} />
        {read.error ? (
          <Failure
            error={read.error}
            retry={() => void read.refetch()}
            onward={<Go to="/policies">{text.nav.policies}</Go>}
          />
        ) : (
          <Loading />
        )}
      </>
    );
  }
  const policy = read.data;
  return (
    <>
      <PageHead title={policy.name} lead={policy.description || undefined}>
        <ReadAt read={read} />
        {may('policies:write') && (
          <>
            <Button variant="default" size="xs" onClick={() => set({ edit: id })}>
              {text.common.edit}
            </Button>
            <Confirm
              label={text.common.delete}
              detail={text.policy.deleteDetail(policy.name)}
              onConfirm={() => remove.mutate()}
            />
          </>
        )}
      </PageHead>
      <Stack gap="md">
        <Facts
          of={[
            [text.policy.rule, sentence(policy.rule)],
            [text.policy.outcome, <Outcome key="o" of={policy.hosts} />],
            [
              text.policy.forHosts,
              policy.label == null ? (
                text.policy.allHosts
              ) : (
                <Go key="l" to="/hosts" search={{ label: policy.label }}>
                  {text.exception.labelHosts}
                </Go>
              ),
            ],
            [text.policy.evaluated, <Moment key="e" at={policy.evaluated_at} as="instant" />],
            [text.policy.enabled, policy.enabled ? text.common.yes : text.common.no],
          ]}
        />
        <div>
          <Filters>
            <Choice
              label={text.policy.outcome}
              options={POLICY_STATES.map((one) => [one, text.policy.states[one]] as const)}
              value={search.state}
              set={(state) => set({ state })}
            />
          </Filters>
          <ListView
            label={text.nav.hosts}
            read={hosts}
            columns={columns}
            rowId={(one) => one.host}
            search={search}
            set={set}
            news={OF_POLICIES}
            actions={
              <Export
                path={`/api/v1/policies/${id}/hosts/export`}
                query={filter}
                name={`policy-${policy.name}`}
              />
            }
            empty={<Notice title={text.policy.noHosts}>{text.policy.noHostsDetail}</Notice>}
          />
        </div>
      </Stack>
      {search.edit !== undefined && <PolicyForm edit={search.edit} close={() => set({ edit: undefined })} />}
    </>
  );
}
