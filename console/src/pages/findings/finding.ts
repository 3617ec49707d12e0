import type { Schemas } from '../../api/client';

/** A finding as lists have it. */
export type Finding = Schemas['Finding'];

/** What tells a finding from others of its company; it stands in the address of who looks at it. */
export const findingId = (finding: Finding): string =>
  `${finding.cve.id}~${finding.software.id}~${finding.source}`;
