import { Button, Group, Menu, Modal, Text } from '@mantine/core';
import { useState } from 'react';

import { useRead, useWrite } from '../../api/read';
import type { Schemas } from '../../api/client';
import { Go } from '../../parts/Go';
import { text } from '../../text/text';

interface BulkLabelsProps {
  picked: ReadonlySet<string>;
  /** The filter of the list, for all hosts that it shows. */
  filter: Partial<Record<string, unknown>>;
  /** How many hosts that are, in words; absent until it is known. */
  total: string | undefined;
  done: () => void;
}

/** A label that hosts are to carry from now on, or no more. */
interface Change {
  label: Schemas['Label'];
  carries: boolean;
}

/** What a selection of hosts may be filtered by, of what the list may. */
const SELECTABLE = ['query', 'platform', 'cve', 'software', 'label', 'fails'] as const;

/**
 * Gives a label to the hosts that are picked or to all of the filter, or takes it from them. Those of a filter are more
 * than are seen: it is asked again before that.
 */
export function BulkLabels({ picked, filter, total, done }: BulkLabelsProps) {
  const labels = useRead(['labels', 'all'], (api) =>
    api.GET('/api/v1/labels', { params: { query: { limit: 1000 } } }),
  );
  const [asked, setAsked] = useState<Change>();
  const assign = useWrite(
    (api, input: { label: string; body: Schemas['LabelAssignment'] }) =>
      api.POST('/api/v1/labels/{label}/hosts', {
        params: { path: { label: input.label } },
        body: input.body,
      }),
    { done: (answer) => text.label.assigned(answer.changed), onDone: done },
  );
  const given = (labels.data?.items ?? []).filter((label) => label.rule == null);
  const isSelectable = Object.keys(filter).every(
    (name) => name === 'sort' || (SELECTABLE as readonly string[]).includes(name),
  );
  const isPicked = picked.size > 0;
  const hosts = isPicked
    ? { hosts: [...picked] }
    : { filter: Object.fromEntries(Object.entries(filter).filter(([name]) => name !== 'sort')) };
  const run = ({ label, carries }: Change) => assign.mutate({ label: label.id, body: { carries, ...hosts } });
  const choose = (change: Change) => (isPicked ? run(change) : setAsked(change));
  const isLabelled = given.length > 0;
  const canBe = isPicked || isSelectable;
  return (
    <>
      {labels.data && !isLabelled && (
        <Text size="sm" c="dimmed">
          {text.label.noneByPeople}{' '}
          <Go to="/labels" underline="always">
            {text.nav.labels}
          </Go>
        </Text>
      )}
      {isLabelled && !canBe && (
        <Text size="sm" c="dimmed">
          {text.label.notForAll}
        </Text>
      )}
      <Menu>
        <Menu.Target>
          <Button variant="default" size="xs" disabled={!isLabelled || !canBe} loading={assign.isPending}>
            {isPicked ? text.label.forPicked(picked.size) : text.label.forAll}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {([true, false] as const).map((carries) => (
            <div key={String(carries)}>
              <Menu.Label>{carries ? text.label.give : text.label.take}</Menu.Label>
              {given.map((label) => (
                <Menu.Item key={label.id} onClick={() => choose({ label, carries })}>
                  <Text size="sm">{label.name}</Text>
                </Menu.Item>
              ))}
            </div>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Modal
        opened={asked !== undefined}
        onClose={() => setAsked(undefined)}
        title={text.label.forAll}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        <Text>{asked && text.label.forAllDetail(asked.label.name, asked.carries, total)}</Text>
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={() => setAsked(undefined)}>
            {text.common.cancel}
          </Button>
          <Button
            onClick={() => {
              if (asked) run(asked);
              setAsked(undefined);
            }}
          >
            {asked?.carries === false ? text.label.take : text.label.give}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
