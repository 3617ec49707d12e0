import { Button, Group, Stack, Text, Title } from '@mantine/core';

import { asNumber, asShare } from '../../format/number';
import { Go } from '../../parts/Go';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import { KevBadge, Severity } from '../../parts/Severity';
import { text } from '../../text/text';
import type { Finding } from './finding';
import { Why } from './Why';

interface ExplainProps {
  finding: Finding;
  /** Which of how many it is. */
  position: string;
  next?: () => void;
  previous?: () => void;
  /** Goes on to an exception; absent where that may not be. */
  accept?: () => void;
}

/** One finding: what it is, since when, what repairs it, and why it is said. */
export function Explain({ finding, position, next, previous, accept }: ExplainProps) {
  const { cve, software } = finding;
  return (
    <Stack>
      <Group justify="space-between">
        <Text size="sm" c="dimmed" role="status">
          {position}
        </Text>
        <Group gap="xs">
          <Button variant="default" size="xs" disabled={!previous} onClick={previous}>
            {text.finding.previous}
          </Button>
          <Button variant="default" size="xs" disabled={!next} onClick={next}>
            {text.finding.next}
          </Button>
        </Group>
      </Group>
      <Group gap="xs">
        <Title order={2} size="h4">
          <Go to="/cves/$cve" params={{ cve: cve.id }} inherit>
            {cve.id}
          </Go>
        </Title>
        <Severity of={cve.severity} score={cve.cvss_score} />
        <KevBadge kev={cve.kev} />
      </Group>
      {cve.summary !== '' && <Text>{cve.summary}</Text>}
      <Facts
        of={[
          [
            text.finding.software,
            <Go
              key="s"
              to="/software/$software"
              params={{ software: software.id }}
            >{`${software.name} ${software.version}`}</Go>,
          ],
          [text.software.source, text.source(software.source)],
          [text.finding.fixedIn, finding.fixed_in ?? text.finding.noFix],
          [
            text.nav.hosts,
            <Go key="h" to="/hosts" search={{ software: software.id }}>
              {asNumber(finding.hosts)}
            </Go>,
          ],
          [
            text.cve.epss,
            cve.epss ? text.cve.epssOf(asShare(cve.epss.score), asShare(cve.epss.percentile)) : undefined,
          ],
          [text.cve.kev, cve.kev ? <Moment key="k" at={cve.kev.added} as="day" /> : undefined],
          [text.cve.kevDue, cve.kev?.due != null ? <Moment key="d" at={cve.kev.due} as="day" /> : undefined],
          [text.finding.confidence, text.confidence[finding.confidence]],
          [text.finding.opened, <Moment key="o" at={finding.opened_at} as="instant" />],
          [
            text.finding.resolved,
            finding.resolved_at != null ? (
              <Moment key="r" at={finding.resolved_at} as="instant" />
            ) : undefined,
          ],
          [
            text.finding.suppressedAt,
            finding.suppressed_at != null ? (
              <Moment key="x" at={finding.suppressed_at} as="instant" />
            ) : undefined,
          ],
        ]}
      />
      {finding.exception != null && (
        <Go to="/exceptions" search={{ open: finding.exception }}>
          {text.finding.byException}
        </Go>
      )}
      <Why why={finding.why} source={finding.source} />
      {accept && (
        <Button onClick={accept} className="fit">
          {text.finding.accept}
        </Button>
      )}
    </Stack>
  );
}
