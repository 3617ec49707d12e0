import { Tooltip } from '@mantine/core';

import { useSession } from '../api/session';
import { text } from '../text/text';
import { useHeard } from './Live';

/** Whether what happens is heard at once. */
export function Standing() {
  const { company } = useSession();
  const { standing } = useHeard();
  if (company === undefined) return null;
  const isOpen = standing === 'open';
  return (
    <Tooltip label={text.live.states[standing]}>
      <span className={`standing hide-narrow${isOpen ? ' standing-open' : ''}`}>
        {isOpen ? text.live.on : text.live.off}
        <span className="visually-hidden">: {text.live.states[standing]}</span>
      </span>
    </Tooltip>
  );
}
