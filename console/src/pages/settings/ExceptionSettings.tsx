import { Stack, Switch } from '@mantine/core';

import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';

/** How exceptions come to hold. */
export function ExceptionSettings() {
  const { may } = useSession();
  const read = useRead(['exceptions', 'settings'], (api) => api.GET('/api/v1/exceptions/settings'));
  const set = useWrite(
    (api, needed: boolean) => api.PUT('/api/v1/exceptions/settings', { body: { approval_needed: needed } }),
    {
      done: text.settings.saved,
    },
  );
  return (
    <ReadView read={read} lines={2}>
      {(data) => (
        <Stack>
          <Switch
            label={text.settings.approval}
            description={text.settings.approvalDetail}
            checked={data.approval_needed}
            disabled={!may('settings:write') || set.isPending}
            onChange={(event) => set.mutate(event.currentTarget.checked)}
          />
          <ReadAt read={read} />
        </Stack>
      )}
    </ReadView>
  );
}
