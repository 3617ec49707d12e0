import { Button, Kbd } from '@mantine/core';
import { useDebouncedValue, useHotkeys } from '@mantine/hooks';
import { Spotlight, spotlight } from '@mantine/spotlight';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { useRead } from '../api/read';
import { useSession } from '../api/session';
import { typedId } from '../format/cve';
import { takesText } from '../parts/keys';
import { text } from '../text/text';
import { SECTIONS } from './navigation';

const FOUND_MAX = 6;
const TYPING_MS = 200;
/** A part of a name that is worth to be looked for. */
const LETTERS_MIN = 2;
/** What scrolls can be reached by the keyboard. The list hands this on, and its type does not say so. */
const REACHABLE = { viewportProps: { tabIndex: 0 } };

/**
 * Opens the search from everywhere, also from where somebody types. Only what is written in a dialog is left alone: going
 * on from there would lose it.
 */
function openByKey({ target }: KeyboardEvent) {
  const isWriting =
    takesText(target) && target instanceof Element && target.closest('[role=dialog]') !== null;
  if (!isWriting) spotlight.open();
}

/** Looks for hosts, software, CVEs and pages by a part of their names. */
export function Find() {
  const { may, company } = useSession();
  const navigate = useNavigate();
  const [typed, setTyped] = useState('');
  const wanted = typed.trim();
  const [query] = useDebouncedValue(wanted, TYPING_MS);
  const mayAsk = company !== undefined && may('inventory:read');
  const isAsked = mayAsk && query.length >= LETTERS_MIN;
  useHotkeys([['mod + K', openByKey]], [], true);
  const asked = { params: { query: { query, limit: FOUND_MAX } } };
  const hosts = useRead(['find', 'hosts', query], (api) => api.GET('/api/v1/hosts', asked), {
    enabled: isAsked,
  });
  const titles = useRead(['find', 'titles', query], (api) => api.GET('/api/v1/software/titles', asked), {
    enabled: isAsked,
  });
  const cves = useRead(['find', 'cves', query], (api) => api.GET('/api/v1/cves', asked), {
    enabled: isAsked,
  });

  const places = SECTIONS.flatMap(([, section]) => section)
    .filter((place) => place.needs === undefined || may(place.needs))
    .filter((place) => place.label.toLowerCase().includes(wanted.toLowerCase()));
  const found = isAsked
    ? [
        {
          label: text.nav.hosts,
          actions: (hosts.data?.items ?? []).map((host) => ({
            id: host.id,
            label: host.hostname,
            description: host.os_name,
            go: () => navigate({ to: '/hosts/$host', params: { host: host.id } }),
          })),
        },
        {
          label: text.nav.software,
          actions: (titles.data?.items ?? []).map((title) => ({
            id: `${title.source}:${title.name}`,
            label: title.name,
            description: `${title.source} ${title.vendor}`,
            go: () => navigate({ to: '/software', search: { view: 'versions', name: title.name } }),
          })),
        },
        {
          label: text.nav.cves,
          actions: (cves.data?.items ?? []).map((cve) => ({
            id: cve.id,
            label: cve.id,
            description: cve.summary,
            go: () => navigate({ to: '/cves/$cve', params: { cve: cve.id } }),
          })),
        },
      ]
    : [];
  // A CVE that nothing of the company has can be looked at all the same.
  const id = typedId(query);
  const isEmpty =
    places.length === 0 && id === undefined && found.every((group) => group.actions.length === 0);
  const reads = [
    { of: text.nav.hosts, read: hosts },
    { of: text.nav.software, read: titles },
    { of: text.nav.cves, read: cves },
  ];
  const isLooking =
    mayAsk && wanted.length >= LETTERS_MIN && (wanted !== query || reads.some(({ read }) => read.isFetching));
  const failed = isAsked && !isLooking ? reads.filter(({ read }) => read.isError) : [];
  const again = () => failed.forEach(({ read }) => void read.refetch());
  const isShort = mayAsk && wanted.length > 0 && wanted.length < LETTERS_MIN;
  const said = isLooking
    ? text.find.looking
    : failed.length > 0
      ? text.find.failed(failed.map(({ of }) => of).join(', '))
      : isShort
        ? text.find.short
        : isEmpty
          ? text.find.nothing
          : undefined;

  return (
    <>
      <Button
        variant="default"
        size="sm"
        onClick={spotlight.open}
        className="head-button"
        aria-label={text.find.open}
      >
        <span className="hide-narrow">{text.find.label}</span>
        <Kbd ml={6} size="xs" className="hide-narrow" aria-hidden="true">
          Ctrl K
        </Kbd>
        <span className="show-narrow" aria-hidden="true">
          ⌕
        </span>
      </Button>
      <Spotlight.Root
        attributes={{ content: { 'aria-label': text.find.open } }}
        query={typed}
        onQueryChange={setTyped}
        shortcut={null}
        scrollable
        maxHeight={420}
        clearQueryOnClose
      >
        <Spotlight.Search placeholder={text.find.placeholder} aria-label={text.find.placeholder} />
        <Spotlight.ActionsList {...REACHABLE}>
          {id !== undefined && (
            <Spotlight.Action
              label={text.find.cve(id)}
              onClick={() => void navigate({ to: '/cves/$cve', params: { cve: id } })}
            />
          )}
          {found
            .filter((group) => group.actions.length > 0)
            .map((group) => (
              <Spotlight.ActionsGroup key={group.label} label={group.label}>
                {group.actions.map((one) => (
                  <Spotlight.Action
                    key={one.id}
                    label={one.label}
                    description={one.description.slice(0, 120)}
                    onClick={() => void one.go()}
                  />
                ))}
              </Spotlight.ActionsGroup>
            ))}
          {places.length > 0 && (
            <Spotlight.ActionsGroup label={text.find.pages}>
              {places.map((place) => (
                <Spotlight.Action
                  key={place.to}
                  label={place.label}
                  onClick={() => void navigate({ to: place.to })}
                />
              ))}
            </Spotlight.ActionsGroup>
          )}
          {failed.length > 0 && (
            <Spotlight.Action
              label={text.common.retry}
              description={failed[0]?.read.error?.message}
              closeSpotlightOnTrigger={false}
              onClick={again}
            />
          )}
          {/* It is there from the beginning, so that what comes into it is read out. */}
          <div role="status">{said !== undefined && <Spotlight.Empty>{said}</Spotlight.Empty>}</div>
        </Spotlight.ActionsList>
      </Spotlight.Root>
    </>
  );
}
