import type { Schemas } from '../../api/client';
import { useRead } from '../../api/read';
import { FINDING_STATES, SEVERITIES } from '../../app/searches';
import { Export } from '../../parts/Export';
import { AsOf, Choice } from '../../parts/fields';
import { Filters } from '../../parts/Filters';
import { text } from '../../text/text';
import { FindingList, type FindingSearch } from '../findings/FindingList';

interface Search extends FindingSearch {
  state?: (typeof FINDING_STATES)[number];
  severity_min?: (typeof SEVERITIES)[number];
}

interface HostFindingsProps {
  host: Schemas['HostDetail'];
  search: Search;
  set: (change: Search) => void;
}

/** What is vulnerable on a host. */
export function HostFindings({ host, search, set }: HostFindingsProps) {
  const filter = {
    host: host.id,
    state: search.state,
    severity_min: search.severity_min,
    as_of: search.as_of,
    sort: search.sort,
  };
  const query = { ...filter, page_token: search.page_token, limit: search.limit };
  const read = useRead(
    ['host', host.id, 'findings', query],
    (api, signal) => api.GET('/api/v1/findings', { params: { query }, signal }),
    { still: true },
  );
  return (
    <>
      <Filters>
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
        <AsOf value={search.as_of} set={(value) => set({ as_of: value, row: undefined })} />
        <Export path="/api/v1/findings/export" query={filter} name={`findings-of-${host.hostname}`} />
      </Filters>
      <FindingList read={read} search={search} set={set} host={host} />
    </>
  );
}
