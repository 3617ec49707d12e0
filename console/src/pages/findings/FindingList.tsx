import { Button, Drawer, Group, Kbd, Text } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';

import type { Read } from '../../api/read';
import { useSession } from '../../api/session';
import type { FINDING_SORTS } from '../../app/searches';
import { asInstant } from '../../format/time';
import { OF_FINDINGS } from '../../live/news';
import { Notice } from '../../parts/States';
import { ListView, type PageOf } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { Accept } from './Accept';
import { findingColumns } from './columns';
import { Explain } from './Explain';
import { type Finding, findingId } from './finding';

/** What the address of a page with findings says of them. */
export interface FindingSearch {
  row?: string;
  panel?: 'explain' | 'accept';
  sort?: (typeof FINDING_SORTS)[number];
  as_of?: string;
  page_token?: string;
  limit?: number;
  hide?: string;
}

interface FindingListProps {
  read: Read<PageOf<Finding>>;
  search: FindingSearch;
  set: (change: FindingSearch) => void;
  /** The host that is looked at, where it is one: an exception may be for it alone. */
  host?: { id: string; hostname: string };
  /** Whether the list can be ordered. */
  isSorted?: boolean;
}

/**
 * Findings to be worked through by the keyboard: `j` and `k` go on and back, `e` explains, `a` accepts. Which
 * one is looked at, and how, stands in the address.
 */
export function FindingList({ read, search, set, host, isSorted = true }: FindingListProps) {
  const { may } = useSession();
  const items = read.data?.items ?? [];
  const at = items.findIndex((finding) => findingId(finding) === search.row);
  const current = items[at];
  const keep = { page_token: search.page_token };
  const go = (index: number) => {
    const next = items[Math.max(0, Math.min(index, items.length - 1))];
    if (next === undefined) return;
    const row = findingId(next);
    set({ ...keep, row, panel: search.panel === 'explain' ? 'explain' : undefined });
    document.querySelector(`[data-row="${CSS.escape(row)}"]`)?.scrollIntoView({ block: 'nearest' });
  };
  const open = (panel: 'explain' | 'accept') => {
    const row = current ?? items[0];
    if (row) set({ ...keep, row: findingId(row), panel });
  };
  const mayAccept = may('findings:triage') && search.as_of === undefined;
  const isAccepting = search.panel === 'accept';
  const close = () => set({ ...keep, panel: undefined });
  // No key is taken while somebody writes: a form is open then.
  useHotkeys(
    isAccepting
      ? []
      : [
          ['j', () => go(at + 1)],
          ['k', () => go(at < 0 ? 0 : at - 1)],
          ['e', () => open('explain')],
          ['a', () => mayAccept && open('accept')],
        ],
  );

  return (
    <>
      <ListView
        label={text.nav.findings}
        read={read}
        columns={findingColumns}
        rowId={findingId}
        search={search}
        set={set}
        sort={
          isSorted
            ? { by: search.sort ?? 'severity', set: (by) => set({ sort: by as FindingSearch['sort'] }) }
            : undefined
        }
        asOf={search.as_of && asInstant(search.as_of)}
        news={OF_FINDINGS}
        current={search.row}
        onRow={(finding) => set({ ...keep, row: findingId(finding), panel: search.panel })}
        actions={
          <Group gap="xs">
            <Button variant="default" size="xs" disabled={items.length === 0} onClick={() => open('explain')}>
              {text.finding.explain}
            </Button>
            {mayAccept && (
              <Button
                variant="default"
                size="xs"
                disabled={items.length === 0}
                onClick={() => open('accept')}
              >
                {text.finding.accept}
              </Button>
            )}
          </Group>
        }
        empty={<Notice title={text.finding.none}>{text.finding.noneDetail}</Notice>}
      />
      <Text size="sm" c="dimmed" mt="xs" className="hide-narrow">
        <Kbd size="xs">j</Kbd> <Kbd size="xs">k</Kbd> {text.finding.keysMove} <Kbd size="xs">e</Kbd>{' '}
        {text.finding.keysExplain}{' '}
        {mayAccept && (
          <>
            <Kbd size="xs">a</Kbd> {text.finding.keysAccept}
          </>
        )}
      </Text>
      <Drawer
        opened={search.panel !== undefined && current !== undefined}
        onClose={close}
        position="right"
        size="lg"
        title={isAccepting ? text.accept.title : text.finding.explained}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        {current && search.panel === 'explain' && (
          <Explain
            finding={current}
            position={text.finding.position(at + 1, items.length)}
            next={at < items.length - 1 ? () => go(at + 1) : undefined}
            previous={at > 0 ? () => go(at - 1) : undefined}
            accept={mayAccept && current.state === 'open' ? () => open('accept') : undefined}
          />
        )}
        {current && isAccepting && <Accept key={search.row} finding={current} host={host} done={close} />}
      </Drawer>
    </>
  );
}
