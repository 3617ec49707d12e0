import { Alert } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { CopyBox } from '../../parts/CopyBox';
import { text } from '../../text/text';

/** The link of an invitation, which is shown once. */
export function Invited({ invitation }: { invitation: Schemas['Invitation'] }) {
  if (invitation.token == null) return null;
  // Behind the `#`, where no server and no proxy gets to see it.
  const link = `${window.location.origin}/invitation#${invitation.token}`;
  return (
    <Alert
      color="teal"
      variant="outline"
      mt="md"
      role="status"
      title={text.settings.invited(invitation.email)}
    >
      <CopyBox label={text.settings.link} value={link} />
    </Alert>
  );
}
