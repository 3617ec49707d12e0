import { Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';

import { text } from '../text/text';

interface PageHeadProps {
  title: string;
  /** What the page is for, in a sentence. */
  lead?: ReactNode;
  /** Buttons and how old what is shown is. */
  children?: ReactNode;
}

/** The head of a page; it names the window as well. */
export function PageHead({ title, lead, children }: PageHeadProps) {
  useEffect(() => {
    document.title = `${title} · ${text.product}`;
  }, [title]);
  return (
    <Group justify="space-between" align="flex-start" mb="md" gap="sm">
      <Stack gap={2} className="page-title">
        <Title order={1} size="h2" id="page-title" tabIndex={-1}>
          {title}
        </Title>
        {lead !== undefined && (
          <Text component="div" c="dimmed" maw={720}>
            {lead}
          </Text>
        )}
      </Stack>
      {children !== undefined && <Group gap="xs">{children}</Group>}
    </Group>
  );
}
