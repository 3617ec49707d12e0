import { SegmentedControl } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { MATCHING } from '../../app/searches';
import { asInstant } from '../../format/time';
import { Export } from '../../parts/Export';
import { AsOf, Choice, TextFilter, Toggle } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { LabelFilter } from '../../parts/LabelFilter';
import { PageHead } from '../../parts/PageHead';
import { Notice } from '../../parts/States';
import { ListView } from '../../parts/table/ListView';
import { SOURCES, text } from '../../text/text';
import { changed, cleared, isInPassing, withoutPage } from '../../url/search';
import { titleColumns, versionColumns } from './columns';

const route = getRouteApi('/app/software');
type Source = Schemas['Source'];

/** The company's software: by title, and each version for itself. */
export function SoftwarePage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const view = search.view ?? 'titles';
  return (
    <>
      <PageHead title={text.nav.software} lead={text.software.lead}>
        <SegmentedControl
          size="xs"
          aria-label={text.software.view}
          value={view}
          data={[
            { value: 'titles', label: text.software.titles },
            { value: 'versions', label: text.software.versions },
          ]}
          onChange={(next) =>
            void navigate({
              search: (old) => ({
                company: old.company,
                query: old.query,
                source: old.source,
                view: next === 'versions' ? 'versions' : undefined,
              }),
            })
          }
        />
      </PageHead>
      {view === 'titles' ? <Titles /> : <Versions />}
    </>
  );
}

const sources = SOURCES.map((one) => [one, text.source(one)] as const);

function Titles() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const filter = { query: search.query, source: search.source as Source | undefined };
  const query = { ...filter, page_token: search.page_token, limit: search.limit };
  const read = useRead(['titles', query], (api, signal) =>
    api.GET('/api/v1/software/titles', { params: { query }, signal }),
  );
  return (
    <>
      <Filters>
        <TextFilter
          label={text.software.nameOrVendor}
          value={search.query}
          set={(value) => set({ query: value })}
        />
        <Choice
          label={text.software.source}
          options={sources}
          value={query.source}
          set={(source) => set({ source })}
        />
      </Filters>
      <ListView
        label={text.software.titles}
        read={read}
        columns={titleColumns}
        rowId={(title) => `${title.source}:${title.name}:${title.vendor}`}
        search={search}
        set={set}
        actions={<Export path="/api/v1/software/titles/export" query={filter} name="software-titles" />}
        empty={<Notice title={text.software.none}>{text.common.noneFoundDetail}</Notice>}
      />
    </>
  );
}

function Versions() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const { company: _company, view: _view, hide: _hide, ...given } = search;
  const query = { ...given, source: given.source as Source | undefined };
  const filter = withoutPage(query);
  const { sort = 'name', ...narrowing } = filter;
  const read = useRead(['software', query], (api, signal) =>
    api.GET('/api/v1/software', { params: { query }, signal }),
  );
  const isFiltered = Object.values(narrowing).some((value) => value !== undefined);
  return (
    <>
      <Filters
        clear={
          isFiltered
            ? () => void navigate({ search: (old) => ({ ...cleared(old), view: 'versions' as const }) })
            : undefined
        }
      >
        <TextFilter
          label={text.software.partOfName}
          value={search.query}
          set={(value) => set({ query: value })}
        />
        <TextFilter label={text.software.exactName} value={search.name} set={(name) => set({ name })} />
        <Choice
          label={text.software.source}
          options={sources}
          value={query.source}
          set={(source) => set({ source })}
        />
        <Choice
          label={text.software.matching}
          options={MATCHING.map((one) => [one, text.software.statuses[one]] as const)}
          value={search.status}
          set={(status) => set({ status })}
        />
        <LabelFilter value={search.label} set={(label) => set({ label })} />
        <AsOf value={search.as_of} set={(value) => set({ as_of: value })} />
        <Toggle
          label={text.software.vulnerableOnly}
          value={search.vulnerable}
          set={(vulnerable) => set({ vulnerable })}
        />
        <Toggle label={text.software.withGone} value={search.gone} set={(gone) => set({ gone })} />
      </Filters>
      <ListView
        label={text.software.versions}
        read={read}
        columns={versionColumns}
        rowId={(one) => one.id}
        search={search}
        set={set}
        sort={{ by: sort, set: (by) => set({ sort: by as typeof sort }) }}
        asOf={search.as_of && asInstant(search.as_of)}
        actions={<Export path="/api/v1/software/export" query={filter} name="software" />}
        empty={<Notice title={text.software.none}>{text.common.noneFoundDetail}</Notice>}
      />
    </>
  );
}
