import { Button, Checkbox, Group, Kbd, Text } from '@mantine/core';
import { useRouter } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';

import type { Asked } from '../../api/read';
import { useSession } from '../../api/session';
import type { FINDING_SORTS } from '../../app/searches';
import { asInstant } from '../../format/time';
import { OF_FINDINGS } from '../../live/news';
import { useKeys, useKeysUsed } from '../../parts/keys';
import { Notice } from '../../parts/States';
import { goneOn } from '../../parts/table/before';
import { ListView, type PageOf } from '../../parts/table/ListView';
import { text } from '../../text/text';
import { AcceptSeveral } from './AcceptSeveral';
import { findingColumns } from './columns';
import { type Finding, findingId, useFinding } from './finding';
import { FindingPanel } from './FindingPanel';
import { type Place, placeOf, successorOf } from './place';
import { MANY, toggled } from './several';

const NONE: ReadonlySet<string> = new Set();

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
  read: Asked<PageOf<Finding>>;
  search: FindingSearch;
  set: (change: FindingSearch) => void;
  /** The host that is looked at, where it is one: an exception may be for it alone. */
  host?: { id: string; hostname: string };
  /** Whether the list can be ordered. */
  isSorted?: boolean;
}

/**
 * Findings to be worked through by the keyboard: `j` and `k` go on and back, `e` explains, `a` accepts. Which
 * one is looked at, and how, stands in the address. One that leaves the list has what takes its place looked at next.
 * `x` picks one or drops it again, and as long as some are picked, `a` accepts these with one reason.
 */
export function FindingList({ read, search, set, host, isSorted = true }: FindingListProps) {
  const { may } = useSession();
  const { history } = useRouter();
  const { row, panel, page_token } = search;
  const items = read.data?.items ?? [];
  const rows = items.map(findingId);
  const at = row === undefined ? -1 : rows.indexOf(row);
  // Until the rows of this page are read, those of the one before stand there.
  const isHere = read.data !== undefined && !read.isPlaceholderData;
  const isListRead = isHere || read.isError;
  const isAlone = panel !== undefined && at < 0 && isListRead;
  const alone = useFinding({ id: row, host: host?.id, as_of: search.as_of, isAsked: isAlone });
  const current = items[at] ?? (isAlone ? (alone.data ?? undefined) : undefined);
  // Accepted here, and in the list until that is read again.
  const [decided, setDecided] = useState<string>();
  const mayAccept = may('findings:triage') && search.as_of === undefined;
  const isAcceptable = (finding: Finding | undefined) =>
    mayAccept && finding?.state === 'open' && findingId(finding) !== decided;
  const isAccepting = panel === 'accept' && mayAccept && current?.state === 'open';
  const [picked, setPicked] = useState(NONE);
  // Those that are no longer seen, or open, are not meant.
  const several = items.filter((finding) => picked.has(findingId(finding)) && isAcceptable(finding));
  const isTooMany = several.length > MANY;
  const [accepting, setAccepting] = useState<readonly Finding[]>();
  const next = read.data?.next_page_token ?? undefined;
  const kept = panel === 'explain' ? panel : undefined;

  const place = useRef<Place>(undefined);
  useEffect(() => {
    if (!isHere) return;
    const before = place.current?.row === row ? place.current : undefined;
    const isTurned = before?.turnedTo !== undefined;
    // The page that was turned to is not that of the address yet.
    if (isTurned && before.turnedTo !== page_token) return;
    if (at >= 0) {
      place.current = placeOf(rows, at);
      return;
    }
    // What somebody reads stays until they have closed it, whatever has become of it.
    if (before === undefined || (panel !== undefined && !isTurned)) return;
    place.current = undefined;
    const successor = successorOf(before, rows);
    if (successor !== undefined) set({ page_token, row: successor, panel });
  });

  /** Which entry of the browser's history a panel was opened at from here. */
  const openedAt = useRef<number>(undefined);
  /** What is looked at once the way back has led out of the panel. */
  const wanted = useRef<string>(undefined);
  useEffect(() => {
    if (panel !== undefined || wanted.current === undefined) return;
    const found = wanted.current;
    wanted.current = undefined;
    // What has left the list by now has a successor of its own.
    if (found !== row && rows.includes(found)) set({ page_token, row: found });
  });
  const show = (asked: string, how: 'explain' | 'accept') => {
    if (panel === undefined) openedAt.current = history.location.state.__TSR_index + 1;
    set({ page_token, row: asked, panel: how });
  };
  /**
   * Leaves the panel, with a row looked at. One that was opened here is gone back from, or else the browser's way back
   * would lead to this list once more; one that was opened by its address has nothing of ours behind it.
   */
  const leave = (to: string | undefined) => {
    // It takes a moment, and a second step would lead out of the list.
    if (wanted.current !== undefined) return;
    if (history.location.state.__TSR_index === openedAt.current) {
      wanted.current = to;
      history.back();
    } else {
      set({ page_token, row: to, panel: undefined });
    }
  };

  const look = (index: number) => {
    const found = rows[Math.max(0, Math.min(index, rows.length - 1))];
    if (isHere && found !== undefined) set({ page_token, row: found, panel: kept });
  };
  /** Where the one that is looked at stands, or stood. */
  const here = () => (place.current?.row === row ? place.current : undefined);
  const goOn = () => {
    const index = at >= 0 ? at + 1 : (here()?.at ?? 0);
    if (!isHere || index < rows.length || next === undefined) {
      look(index);
      return;
    }
    goneOn(page_token, next);
    place.current = { row, at: 0, after: [], turnedTo: next };
    set({ page_token: next, row, panel: kept });
  };
  const goBack = () => look((at >= 0 ? at : (here()?.at ?? 0)) - 1);

  const first = isHere && row === undefined ? items[0] : undefined;
  const chosen = current ?? first;
  const explain = () => {
    const asked = row ?? (first && findingId(first));
    if (asked !== undefined) show(asked, 'explain');
  };
  const accept = () => {
    if (chosen && isAcceptable(chosen)) show(findingId(chosen), 'accept');
  };
  const acceptSeveral = () => {
    if (!isTooMany) setAccepting(several);
  };
  const pick = () => {
    if (chosen && mayAccept) setPicked(toggled(picked, findingId(chosen)));
  };
  const close = () => leave(row);
  const decide = () => {
    setDecided(row);
    leave((at >= 0 ? rows[at + 1] : undefined) ?? row);
  };
  const [isByKeys, setByKeys] = useKeysUsed();
  // No key is taken while a form is open.
  useKeys(
    isAccepting || !isByKeys
      ? {}
      : {
          j: goOn,
          k: goBack,
          e: explain,
          a: several.length > 0 && panel === undefined ? acceptSeveral : accept,
          x: pick,
        },
  );

  return (
    <>
      <ListView
        label={text.nav.findings}
        read={read}
        columns={findingColumns}
        rowId={findingId}
        search={search}
        set={(change) => set('hide' in change ? change : { ...change, row: undefined, panel: undefined })}
        sort={
          isSorted
            ? {
                by: search.sort ?? 'severity',
                set: (by) => set({ sort: by as FindingSearch['sort'], row: undefined }),
              }
            : undefined
        }
        asOf={search.as_of && asInstant(search.as_of)}
        news={OF_FINDINGS}
        picked={
          mayAccept
            ? {
                ids: picked,
                set: setPicked,
                nameOf: ({ cve, software }) =>
                  text.accept.reachVersion(cve.id, `${software.name} ${software.version}`),
              }
            : undefined
        }
        current={row}
        onRow={(finding) => set({ page_token, row: findingId(finding), panel })}
        actions={
          <Group gap="xs">
            <Button variant="default" size="xs" disabled={items.length === 0} onClick={explain}>
              {text.finding.explain}
            </Button>
            {mayAccept && (
              <Button variant="default" size="xs" disabled={!isAcceptable(chosen)} onClick={accept}>
                {text.finding.accept}
              </Button>
            )}
            {several.length > 0 && (
              <Button variant="default" size="xs" disabled={isTooMany} onClick={acceptSeveral}>
                {text.finding.acceptPicked(several.length)}
              </Button>
            )}
            {isTooMany && (
              <Text size="sm" c="dimmed" role="status">
                {text.finding.tooManyPicked(MANY)}
              </Text>
            )}
          </Group>
        }
        empty={<Notice title={text.finding.none}>{text.finding.noneDetail}</Notice>}
      />
      {/* On narrow screens too: what is enlarged is narrow, and its keys are no fewer. */}
      <Group gap="md" mt="xs">
        <Text size="sm" c="dimmed">
          <Kbd size="xs">j</Kbd> <Kbd size="xs">k</Kbd> {text.finding.keysMove} <Kbd size="xs">e</Kbd>{' '}
          {text.finding.keysExplain}{' '}
          {mayAccept && (
            <>
              <Kbd size="xs">a</Kbd> {text.finding.keysAccept} <Kbd size="xs">x</Kbd> {text.finding.keysPick}
            </>
          )}
        </Text>
        <Checkbox
          size="xs"
          label={text.finding.keysUsed}
          checked={isByKeys}
          onChange={(event) => setByKeys(event.currentTarget.checked)}
        />
      </Group>
      <FindingPanel
        isOpen={panel !== undefined && row !== undefined}
        isAccepting={isAccepting}
        finding={current}
        isListRead={isListRead}
        alone={alone}
        host={host}
        position={at >= 0 ? text.finding.position(at + 1, items.length) : text.finding.notOnPage}
        next={at < items.length - 1 || next !== undefined ? goOn : undefined}
        previous={at > 0 ? goBack : undefined}
        accept={isAcceptable(current) ? accept : undefined}
        decided={decide}
        close={close}
      />
      <AcceptSeveral
        findings={accepting}
        decided={(rows) => setPicked(new Set([...picked].filter((one) => !rows.includes(one))))}
        close={() => setAccepting(undefined)}
      />
    </>
  );
}
