import type { Schemas } from '../../api/client';
import { type Read, useRead } from '../../api/read';

/** A finding as lists have it. */
export type Finding = Schemas['Finding'];

/** What tells a finding from others of its company; it stands in the address of who looks at it. */
export const findingId = (finding: Finding): string =>
  `${finding.cve.id}~${finding.software.id}~${finding.source}`;

/** Which finding is asked for by itself, and of where and when. */
interface Asked {
  id: string | undefined;
  host: string | undefined;
  as_of: string | undefined;
  /** Whether it is asked for at all. */
  isAsked: boolean;
}

/**
 * Reads a finding that the page which was read does not have, whatever it is by now: nothing where there is none. Links
 * name one, and lists move on.
 */
export function useFinding({ id, host, as_of, isAsked }: Asked): Read<Finding | null> {
  // The API knows findings by their CVE and their software, and those of one pair are few.
  const [cve, software] = id?.split('~') ?? [];
  const query = { cve, software, host, as_of, state: 'any' as const };
  return useRead<Finding | null>(
    ['finding', host, as_of, id],
    async (api, signal) => {
      const { data, ...answer } = await api.GET('/api/v1/findings', { params: { query }, signal });
      return { ...answer, data: data && (data.items.find((finding) => findingId(finding) === id) ?? null) };
    },
    { enabled: isAsked && cve !== undefined && software !== undefined, still: true },
  );
}
