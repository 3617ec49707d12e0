import { Button, Text } from '@mantine/core';

import type { Read } from '../api/read';
import { text } from '../text/text';
import { useCounts } from './Live';
import { type Sort, SORTS } from './news';

interface NewsBarProps {
  read: Read<unknown>;
  /** What makes the list another one. */
  of: readonly Sort[];
}

/**
 * Says what has happened since a list was read, and shows it when somebody wants it. It lies over the page, so that
 * no row moves for it.
 */
export function NewsBar({ read, of }: NewsBarProps) {
  const counts = useCounts(read.dataUpdatedAt, of);
  const said = SORTS.flatMap((sort) => {
    const count = counts[sort];
    if (count === undefined) return [];
    return sort === 'missed' ? [text.live.news.missed] : [text.live.news[sort](count)];
  });
  const isShown = said.length > 0 && read.dataUpdatedAt > 0;
  return (
    <div className="news" role="status">
      {isShown && (
        <div className="news-bar">
          <Text size="sm">
            {said.join(', ')} {text.live.since}
          </Text>
          <Button size="compact-sm" loading={read.isFetching} onClick={() => void read.refetch()}>
            {text.live.show}
          </Button>
        </div>
      )}
    </div>
  );
}
