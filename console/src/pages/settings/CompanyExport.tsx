import { Button, Stack, Text } from '@mantine/core';

import { useSession } from '../../api/session';
import { useSave } from '../../parts/Export';
import { text } from '../../text/text';

/** Saves everything that is kept of the company. */
export function CompanyExport() {
  const { may } = useSession();
  const { save, isRunning } = useSave();
  if (!may('company:export')) return null;
  return (
    <Stack maw={520} mt="xl">
      <Text c="dimmed">{text.settings.exportAllDetail}</Text>
      <Button
        variant="default"
        className="fit"
        loading={isRunning}
        onClick={() => save('/api/v1/company/export', {}, 'company.tar')}
      >
        {text.settings.exportAll}
      </Button>
    </Stack>
  );
}
