import { Button, Code, CopyButton, Stack, Text } from '@mantine/core';

import { text } from '../text/text';

interface CopyBoxProps {
  label: string;
  value: string;
}

/** Something to be copied whole, such as a command or what is shown once. */
export function CopyBox({ label, value }: CopyBoxProps) {
  return (
    <Stack gap={4}>
      <Text size="sm" fw={500}>
        {label}
      </Text>
      {/* A box that scrolls can be reached by the keyboard. */}
      <Code block tabIndex={0} role="region" aria-label={label}>
        {value}
      </Code>
      <CopyButton value={value}>
        {({ copied, copy }) => (
          <Button size="xs" variant="default" onClick={copy} className="fit">
            {copied ? text.common.copied : text.common.copy}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}
