import { Group, Text } from '@mantine/core';

import type { Schemas } from '../api/client';
import { asNumber } from '../format/number';
import { text } from '../text/text';

/** How severe a CVE is: in a word, and a colour beside it. */
export function Severity({ of, score }: { of: Schemas['Severity']; score?: number | null }) {
  return (
    <span className={`severity severity-${of}`}>
      {text.severity[of]}
      {score != null && ` ${score.toFixed(1)}`}
    </span>
  );
}

/** That a CVE is known to be exploited. */
export function KevBadge({ kev }: { kev: Schemas['Kev'] | null | undefined }) {
  if (kev == null) return null;
  return (
    <span className="severity severity-kev" title={text.finding.kevSince(kev.added)}>
      {kev.ransomware ? text.finding.kevRansomware : text.finding.kev}
    </span>
  );
}

/** How many findings something has, the worst of them named. */
export function Counts({ of }: { of: Schemas['FindingCounts'] }) {
  if (of.open === 0 && of.suppressed === 0) {
    return (
      <Text span inherit c="dimmed">
        {text.common.none}
      </Text>
    );
  }
  return (
    <Group gap={6}>
      <span>{asNumber(of.open)}</span>
      {of.kev > 0 && <span className="severity severity-kev">{text.finding.kevCount(of.kev)}</span>}
      {of.critical > 0 && (
        <span className="severity severity-critical">{text.finding.criticalCount(of.critical)}</span>
      )}
      {of.high > 0 && <span className="severity severity-high">{text.finding.highCount(of.high)}</span>}
      {of.suppressed > 0 && (
        <Text span size="sm" c="dimmed">
          {text.finding.suppressedCount(of.suppressed)}
        </Text>
      )}
    </Group>
  );
}
