import { Alert, Button, Group, Stack, Text, Title } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';

import { useFocusKept } from '../parts/focus';
import { text } from '../text/text';
import { leave, stay } from './leave';

/** Said to who wanted to sign out while the collector did not answer. */
export function StillSignedIn() {
  const navigate = useNavigate();
  const [failures, setFailures] = useState(0);
  const [isTrying, setIsTrying] = useState(false);
  const title = useRef<HTMLHeadingElement>(null);
  const retry = useFocusKept(String(isTrying));
  useEffect(() => {
    document.title = `${text.still.title} · ${text.product}`;
    // It has taken the place of the whole page, and of what had the focus there.
    title.current?.focus();
  }, []);

  async function again() {
    setIsTrying(true);
    const hasLeft = await leave();
    setIsTrying(false);
    if (!hasLeft) {
      setFailures((before) => before + 1);
      return;
    }
    await navigate({ to: '/sign-in' });
    stay();
  }

  return (
    <main className="narrow-page">
      <Stack>
        <Title order={1} size="h2" ref={title} tabIndex={-1}>
          {text.still.title}
        </Title>
        <Text role="alert">{text.still.detail}</Text>
        {failures > 0 && (
          <Alert key={failures} color="red" variant="outline" role="alert">
            {text.still.again}
          </Alert>
        )}
        <Group>
          <Button ref={retry} onClick={() => void again()} loading={isTrying}>
            {text.common.retry}
          </Button>
          <Button variant="default" onClick={stay}>
            {text.still.stay}
          </Button>
        </Group>
      </Stack>
    </main>
  );
}
