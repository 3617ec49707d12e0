import { Button, Code } from '@mantine/core';

import { Notice } from '../parts/States';
import { text } from '../text/text';

/** What stands there when a page itself is broken: a fault of ours, or a newer version that was put in place. */
export function Crash({ error }: { error: unknown }) {
  return (
    <Notice
      title={text.state.broken}
      action={<Button onClick={() => window.location.reload()}>{text.common.reload}</Button>}
    >
      {text.state.brokenDetail} <Code>{error instanceof Error ? error.message : String(error)}</Code>
    </Notice>
  );
}
