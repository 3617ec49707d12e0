import { Button, Drawer } from '@mantine/core';
import { useEffect, useRef } from 'react';

import type { Read } from '../../api/read';
import { WITH_KEYS } from '../../parts/keys';
import { Failure, Loading, Notice } from '../../parts/States';
import { text } from '../../text/text';
import { Accept } from './Accept';
import { Explain } from './Explain';
import { type Finding, findingId } from './finding';

interface FindingPanelProps {
  isOpen: boolean;
  /** Whether it is being accepted, and not explained. */
  isAccepting: boolean;
  finding: Finding | undefined;
  /** Whether the list was read, so that what it does not have can be asked for by itself. */
  isListRead: boolean;
  /** The finding by itself, where the page does not have it. */
  alone: Read<Finding | null>;
  host: { id: string; hostname: string } | undefined;
  /** Which of how many it is. */
  position: string;
  next: (() => void) | undefined;
  previous: (() => void) | undefined;
  accept: (() => void) | undefined;
  decided: () => void;
  close: () => void;
}

/** What is beside a list of findings: why one is said, or the form by which it is accepted. */
export function FindingPanel({ isOpen, isAccepting, close, ...props }: FindingPanelProps) {
  return (
    <Drawer
      opened={isOpen}
      onClose={close}
      position="right"
      size="lg"
      title={isAccepting ? text.accept.title : text.finding.explained}
      closeButtonProps={{ 'aria-label': text.common.close }}
      // Its head is no second banner of the page.
      attributes={{ content: WITH_KEYS, header: { role: 'presentation' } }}
    >
      {isOpen && <Content isAccepting={isAccepting} close={close} {...props} />}
    </Drawer>
  );
}

function Content({
  isAccepting,
  finding,
  isListRead,
  alone,
  host,
  decided,
  close,
  ...explain
}: Omit<FindingPanelProps, 'isOpen'>) {
  const isOnItsWay = !isListRead || (alone.data === undefined && alone.fetchStatus !== 'idle');
  // The buttons of the one before keep the focus while another page is turned to.
  const before = useRef<Finding>(undefined);
  useEffect(() => {
    before.current = finding ?? before.current;
  });
  const shown = finding ?? (isOnItsWay ? before.current : undefined);
  if (shown && isAccepting) {
    return <Accept key={findingId(shown)} finding={shown} host={host} done={decided} />;
  }
  if (shown) return <Explain finding={shown} {...explain} />;
  if (alone.error) return <Failure error={alone.error} retry={() => void alone.refetch()} />;
  if (isOnItsWay) return <Loading />;
  return (
    <Notice
      title={text.finding.notThere}
      action={
        <Button variant="default" onClick={close}>
          {text.common.toList}
        </Button>
      }
    >
      {text.finding.notThereDetail}
    </Notice>
  );
}
