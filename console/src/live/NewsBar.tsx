import { Button, Text } from '@mantine/core';

import type { Asked } from '../api/read';
import { text } from '../text/text';
import { useCounts } from './Live';
import { type Sort, SORTS } from './news';

interface NewsBarProps {
  /** What was read; of several lists the oldest counts, and all are read again. */
  read: Asked<unknown> | readonly Asked<unknown>[];
  /** What makes the list another one. */
  of: readonly Sort[];
}

/**
 * Says what has happened since a list was read, and shows it when somebody wants it. It lies over the page, so that
 * no row moves for it.
 */
export function NewsBar({ read, of }: NewsBarProps) {
  const reads = 'refetch' in read ? [read] : read;
  // Of what was never read there is no news.
  const there = reads.map((one) => one.askedAt).filter((at) => at > 0);
  const counts = useCounts(Math.min(...there), of);
  const said = SORTS.flatMap((sort) => {
    const count = counts[sort];
    if (count === undefined) return [];
    return sort === 'missed' ? [text.live.news.missed] : [text.live.news[sort](count)];
  });
  const renew = () => {
    for (const one of reads) void one.refetch();
  };
  return (
    <div className="news" role="status">
      {said.length > 0 && (
        <div className="news-bar">
          <Text size="sm">
            {said.join(', ')} {text.live.since}
          </Text>
          <Button size="compact-sm" loading={reads.some((one) => one.isFetching)} onClick={renew}>
            {text.live.show}
          </Button>
        </div>
      )}
    </div>
  );
}
