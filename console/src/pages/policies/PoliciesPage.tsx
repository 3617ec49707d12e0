import { Button, Group, Text } from '@mantine/core';
import type { ColumnDef } from '@tanstack/react-table';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { useSession } from '../../api/session';
import { OF_POLICIES } from '../../live/news';
import { Export } from '../../parts/Export';
import { Go } from '../../parts/Go';
import { Moment } from '../../parts/Moment';
import { PageHead } from '../../parts/PageHead';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, isInPassing } from '../../url/search';
import { PolicyForm } from './PolicyForm';
import { sentence } from './rules';

const route = getRouteApi('/app/policies');
type Policy = Schemas['Policy'];

const columns: ColumnDef<Policy>[] = [
  {
    id: 'name',
    header: text.common.name,
    cell: ({ row: { original: policy } }) => (
      <Go to="/policies/$policy" params={{ policy: policy.id }}>
        {policy.name}
      </Go>
    ),
  },
  {
    id: 'rule',
    header: text.policy.rule,
    meta: { wide: true },
    cell: ({ row }) => sentence(row.original.rule),
  },
  {
    id: 'hosts',
    header: text.policy.outcome,
    cell: ({ row }) =>
      row.original.enabled ? (
        <Outcome of={row.original.hosts} />
      ) : (
        <Text size="sm">{text.policy.disabled}</Text>
      ),
  },
  {
    id: 'evaluated',
    header: text.policy.evaluated,
    meta: { wide: true },
    cell: ({ row }) => <Moment at={row.original.evaluated_at} />,
  },
];

/** How many hosts a policy holds for. */
export function Outcome({ of }: { of: Policy['hosts'] }) {
  return (
    <Group gap={6}>
      {of.fail > 0 && <span className="severity severity-critical">{text.policy.failCount(of.fail)}</span>}
      <span className="severity severity-low">{text.policy.passCount(of.pass)}</span>
      {of.unknown > 0 && <span className="severity">{text.policy.unknownCount(of.unknown)}</span>}
    </Group>
  );
}

/** What is to hold for hosts, and for how many it does not. */
export function PoliciesPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const query = { page_token: search.page_token, limit: search.limit };
  const read = useRead(['policies', query], (api) => api.GET('/api/v1/policies', { params: { query } }));
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const create = may('policies:write') && (
    <Button size="xs" onClick={() => set({ edit: 'new' })}>
      {text.policy.create}
    </Button>
  );
  return (
    <>
      <PageHead title={text.nav.policies} lead={text.policy.lead}>
        {create}
      </PageHead>
      <ListView
        label={text.nav.policies}
        read={read}
        columns={columns}
        rowId={(policy) => policy.id}
        search={search}
        set={set}
        news={OF_POLICIES}
        actions={<Export path="/api/v1/policies/export" query={{}} name="policies" />}
        empty={
          <Notice title={text.policy.none} action={create}>
            {text.policy.noneDetail}
          </Notice>
        }
      />
      {search.edit !== undefined && <PolicyForm edit={search.edit} close={() => set({ edit: undefined })} />}
    </>
  );
}
