import { getRouteApi } from '@tanstack/react-router';

import { useRead } from '../../api/read';
import { CONFIDENCES, FINDING_STATES, FIXES, onHosts, SEVERITIES } from '../../app/searches';
import { Export } from '../../parts/Export';
import { AsOf, Choice, TextFilter, Toggle } from '../../parts/fields';
import { SoftwareChip } from '../../parts/FilterChip';
import { Filters } from '../../parts/Filters';
import { LabelFilter } from '../../parts/LabelFilter';
import { OnHosts } from '../../parts/OnHosts';
import { PageHead } from '../../parts/PageHead';
import { text } from '../../text/text';
import { changed, cleared, isInPassing, withoutPage } from '../../url/search';
import { ExceptionChip, HostChip } from './chips';
import { FindingList } from './FindingList';

const route = getRouteApi('/app/findings');

/** All findings, to be worked through. */
export function FindingsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { company: _company, hide: _hide, row: _row, panel: _panel, on, ...given } = search;
  const query = { ...given, on_hosts: onHosts(on) };
  const filter = withoutPage(query);
  const { sort: _sort, ...narrowing } = withoutPage(given);
  const read = useRead(
    ['findings', query],
    (api, signal) => api.GET('/api/v1/findings', { params: { query }, signal }),
    { still: true },
  );
  const set = (change: Partial<typeof search>) =>
    void navigate({ search: (old) => changed(old, change), replace: isInPassing(search, change) });
  const isFiltered = on !== undefined || Object.keys(narrowing).length > 0;

  return (
    <>
      <PageHead title={text.nav.findings} lead={text.finding.lead}>
        <Export path="/api/v1/findings/export" query={filter} name="findings" />
      </PageHead>
      <Filters clear={isFiltered ? () => void navigate({ search: (old) => cleared(old) }) : undefined}>
        <Choice
          label={text.finding.state}
          any={text.finding.states.open}
          options={FINDING_STATES.filter((one) => one !== 'open').map(
            (one) => [one, text.finding.states[one]] as const,
          )}
          value={search.state === 'open' ? undefined : search.state}
          set={(state) => set({ state, row: undefined })}
        />
        <Choice
          label={text.cve.severityMin}
          options={SEVERITIES.map((one) => [one, text.severity[one]] as const)}
          value={search.severity_min}
          set={(value) => set({ severity_min: value, row: undefined })}
        />
        <TextFilter label={text.cve.cve} value={search.cve} set={(cve) => set({ cve, row: undefined })} />
        <TextFilter
          label={text.finding.softwareName}
          value={search.software_name}
          set={(value) => set({ software_name: value, row: undefined })}
        />
        <LabelFilter value={search.label} set={(label) => set({ label, row: undefined })} />
        <Choice
          label={text.finding.confidenceMin}
          options={CONFIDENCES.map((one) => [one, text.confidence[one]] as const)}
          value={search.confidence_min}
          set={(value) => set({ confidence_min: value, row: undefined })}
        />
        <Choice
          label={text.finding.fix}
          options={FIXES.map((one) => [one, text.finding.fixes[one]] as const)}
          value={search.fix}
          set={(fix) => set({ fix, row: undefined })}
        />
        <OnHosts value={on} set={(value) => set({ on: value, row: undefined })} />
        <AsOf value={search.as_of} set={(value) => set({ as_of: value, row: undefined })} />
        <Toggle label={text.finding.kevOnly} value={search.kev} set={(kev) => set({ kev, row: undefined })} />
        {search.software !== undefined && (
          <SoftwareChip id={search.software} remove={() => set({ software: undefined, row: undefined })} />
        )}
        {search.host !== undefined && (
          <HostChip id={search.host} remove={() => set({ host: undefined, row: undefined })} />
        )}
        {search.exception !== undefined && (
          <ExceptionChip id={search.exception} remove={() => set({ exception: undefined, row: undefined })} />
        )}
      </Filters>
      <FindingList read={read} search={search} set={set} />
    </>
  );
}
