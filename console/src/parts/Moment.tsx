import { Text, Tooltip } from '@mantine/core';

import { asDay, asDistance, asExact, asInstant } from '../format/time';
import { text } from '../text/text';
import { TICK_MS, useNow } from './now';

interface MomentProps {
  at: string | null | undefined;
  /** `distance` says how long ago, `instant` when, `day` on which day. */
  as?: 'distance' | 'instant' | 'day';
  /** What stands there when it never was. */
  never?: string;
}

/** An instant in the reader's time zone; to the second for who points at it or goes there by the keyboard. */
export function Moment({ at, as = 'distance', never = text.common.never }: MomentProps) {
  const now = useNow();
  if (at == null)
    return (
      <Text span inherit c="dimmed">
        {never}
      </Text>
    );
  const shown =
    as === 'day'
      ? asDay(at)
      : as === 'instant'
        ? asInstant(at)
        : asDistance(at, Math.max(now, Date.parse(at)));
  if (as === 'day') return <time dateTime={at}>{shown}</time>;
  return (
    <Tooltip label={asExact(at)} events={{ hover: true, focus: true, touch: true }}>
      {/* What is said of it only then can be reached by the keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <time dateTime={at} tabIndex={0}>
        {as === 'distance' && Date.parse(at) > now + TICK_MS ? asDistance(at, now) : shown}
      </time>
    </Tooltip>
  );
}
