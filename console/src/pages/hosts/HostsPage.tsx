import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';

import { useRead } from '../../api/read';
import { useSession } from '../../api/session';
import { asTotal } from '../../format/number';
import { asInstant } from '../../format/time';
import { Export } from '../../parts/Export';
import { AsOf, Choice, InstantFilter, TextFilter, Toggle } from '../../parts/fields';
import { SoftwareChip } from '../../parts/FilterChip';
import { Filters } from '../../parts/Filters';
import { LabelFilter } from '../../parts/LabelFilter';
import { PageHead } from '../../parts/PageHead';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { changed, cleared, isInPassing, withoutPage } from '../../url/search';
import { BulkLabels } from './BulkLabels';
import { hostColumns, hostColumnsThen } from './columns';
import { PolicyChip } from './PolicyChip';

const route = getRouteApi('/app/hosts');
const NONE: ReadonlySet<string> = new Set();
/** What the API takes for a release of the agent. */
const RELEASE = /^\d{1,9}\.\d{1,9}\.\d{1,9}([-+~].*)?$/;
/** What is known of the present alone goes when the past is looked at. */
const OF_THE_PAST = { sort: undefined, overdue: undefined, silent_since: undefined };

/** The company's hosts. */
export function HostsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  const { company: _company, hide, ...query } = search;
  const filter = withoutPage(query);
  // Rows are picked of one list: of another, whatever has led to it, they would not be seen.
  const listed = JSON.stringify(query);
  const [{ of, picked }, pick] = useState({ of: listed, picked: NONE });
  const setPicked = (ids: ReadonlySet<string>) => pick({ of: listed, picked: ids });
  if (of !== listed) setPicked(NONE);
  const read = useRead(['hosts', query], (api, signal) =>
    api.GET('/api/v1/hosts', { params: { query }, signal }),
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const { sort = 'hostname', ...narrowing } = filter;
  const isFiltered = Object.keys(narrowing).length > 0;

  return (
    <>
      <PageHead title={text.nav.hosts} lead={text.host.lead}>
        <Export path="/api/v1/hosts/export" query={filter} name="hosts" />
      </PageHead>
      <Filters clear={isFiltered ? () => void navigate({ search: (old) => cleared(old) }) : undefined}>
        <TextFilter label={text.host.name} value={search.query} set={(value) => set({ query: value })} />
        <TextFilter
          label={text.host.platform}
          placeholder="debian"
          value={search.platform}
          set={(platform) => set({ platform })}
        />
        <TextFilter
          label={text.cve.cve}
          placeholder="CVE-2024-21626"
          value={search.cve}
          set={(cve) => set({ cve })}
        />
        <Choice
          label={text.host.kind}
          options={(['agent', 'sbom'] as const).map((one) => [one, text.host.kinds[one]] as const)}
          value={search.kind}
          set={(kind) => set({ kind })}
        />
        <LabelFilter value={search.label} set={(label) => set({ label })} />
        <TextFilter
          label={text.host.enrolmentLabel}
          placeholder="site=north"
          value={search.enrolment_label}
          set={(value) => set({ enrolment_label: value })}
          check={(value) => (value.includes('=') ? undefined : text.host.noEnrolmentLabel)}
        />
        <InstantFilter
          label={text.host.silentSince}
          value={search.silent_since}
          set={(value) => set({ silent_since: value, ...(value === undefined ? {} : { as_of: undefined }) })}
        />
        <TextFilter
          label={text.host.agentBelow}
          placeholder="0.2.0"
          value={search.agent_version_below}
          set={(value) => set({ agent_version_below: value })}
          check={(value) => (RELEASE.test(value) ? undefined : text.host.noVersion)}
        />
        <AsOf
          value={search.as_of}
          set={(value) => set({ as_of: value, ...(value === undefined ? {} : OF_THE_PAST) })}
        />
        <Toggle
          label={text.host.overdueOnly}
          value={search.overdue}
          set={(overdue) => set({ overdue, as_of: undefined })}
        />
        <Toggle label={text.host.withRevoked} value={search.revoked} set={(revoked) => set({ revoked })} />
        {search.software !== undefined && (
          <SoftwareChip id={search.software} remove={() => set({ software: undefined })} />
        )}
        {search.fails !== undefined && (
          <PolicyChip id={search.fails} remove={() => set({ fails: undefined })} />
        )}
      </Filters>
      <ListView
        label={text.nav.hosts}
        read={read}
        columns={search.as_of === undefined ? hostColumns : hostColumnsThen}
        rowId={(host) => host.id}
        search={{ page_token: search.page_token, limit: search.limit, hide }}
        set={set}
        sort={{ by: sort, set: (by) => set({ sort: by as typeof sort }) }}
        asOf={search.as_of && asInstant(search.as_of)}
        picked={
          may('hosts:label') ? { ids: picked, set: setPicked, nameOf: (host) => host.hostname } : undefined
        }
        actions={
          may('hosts:label') && (
            <BulkLabels
              picked={picked}
              filter={filter}
              total={read.data && asTotal(read.data.total)}
              done={() => setPicked(NONE)}
            />
          )
        }
        empty={
          <Notice title={isFiltered ? text.host.noneFound : text.host.none}>
            {isFiltered ? text.common.noneFoundDetail : text.host.noneDetail}
          </Notice>
        }
      />
    </>
  );
}
