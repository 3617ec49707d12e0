import { Group, Progress, Stack, Text } from '@mantine/core';
import type { LinkProps } from '@tanstack/react-router';

import type { Schemas } from '../../api/client';
import { asNumber } from '../../format/number';
import { Go, GoCard } from '../../parts/Go';
import { text } from '../../text/text';

interface TilesProps {
  of: Schemas['Summary'];
  /** Feeds that could not be fetched the last time; nothing while that is not known. */
  failing: number | undefined;
}

/** What needs somebody in numbers, each of which leads to what it counts; then how much there is. */
export function Tiles({ of, failing }: TilesProps) {
  const { findings } = of;
  return (
    <div className="tiles">
      <Tile
        label={text.overview.kev}
        value={findings.kev}
        to={{ to: '/findings', search: { kev: true, sort: 'kev' } }}
        isBad
      />
      <Tile
        label={text.overview.critical}
        value={findings.critical}
        to={{ to: '/findings', search: { severity_min: 'critical' } }}
      />
      <Tile label={text.overview.open} value={findings.open} to={{ to: '/findings' }} />
      <Tile
        label={text.overview.overdue}
        value={of.hosts_overdue}
        to={{ to: '/hosts', search: { overdue: true, sort: 'silent' } }}
        isBad
      />
      {failing !== undefined && (
        <Tile label={text.overview.failingFeeds} value={failing} to={{ to: '/feeds' }} isBad />
      )}
      <Tile label={text.nav.hosts} value={of.hosts} to={{ to: '/hosts' }} />
      <Tile
        label={text.overview.softwareEver}
        value={of.software}
        to={{ to: '/software', search: { view: 'versions', gone: true } }}
      />
    </div>
  );
}

interface TileProps {
  label: string;
  value: number;
  to: LinkProps;
  isBad?: boolean;
}

function Tile({ label, value, to, isBad }: TileProps) {
  return (
    <GoCard withBorder padding="sm" {...to} className="tile">
      <Text size="sm" c="dimmed">
        {label}
      </Text>
      <Text size="xl" fw={700} className={isBad && value > 0 ? 'bad' : undefined}>
        {asNumber(value)}
      </Text>
    </GoCard>
  );
}

/** How the open findings are made up. The numbers stand beside: nobody has to tell colours apart. */
export function Bars({ of }: { of: Schemas['FindingCounts'] }) {
  if (of.open === 0) return null;
  const rest = of.open - of.critical - of.high;
  const parts = [
    [text.severity.critical, of.critical, 'red.9'],
    [text.severity.high, of.high, 'orange.8'],
    [text.overview.lesser, rest, 'gray.6'],
  ] as const;
  return (
    <Stack gap={6}>
      <Progress.Root size="lg" aria-hidden="true">
        {parts.map(([name, value, color]) => (
          <Progress.Section key={name} value={(value / of.open) * 100} color={color} />
        ))}
      </Progress.Root>
      <Group gap="md">
        {parts.map(([name, value]) => (
          <Text size="sm" key={name}>
            {name}: {asNumber(value)}
          </Text>
        ))}
      </Group>
    </Stack>
  );
}

/** What the numbers above leave out, and why. */
export function Uncounted({ of }: { of: Schemas['Summary'] }) {
  return (
    <Text size="sm" c="dimmed">
      {text.overview.uncounted}{' '}
      <Go to="/findings" search={{ state: 'suppressed' }} inherit>
        {text.overview.suppressed(of.findings.suppressed)}
      </Go>{' '}
      <Go to="/findings" search={{ on: 'none' }} inherit>
        {text.overview.gone(of.findings_gone)}
      </Go>
    </Text>
  );
}
