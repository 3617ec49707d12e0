import { Button, Modal, Stack, Text } from '@mantine/core';

import type { Schemas } from '../../api/client';
import { CopyBox } from '../../parts/CopyBox';
import { text } from '../../text/text';

interface SecretProps {
  of: Schemas['WebhookWithSecret'];
  close: () => void;
}

/** A webhook's secret, which is shown once: nothing but the button closes it. */
export function Secret({ of, close }: SecretProps) {
  return (
    <Modal
      opened
      onClose={close}
      title={text.webhook.secretOnce}
      size="lg"
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
    >
      <Stack>
        <Text>
          {of.name}: {text.webhook.secretDetail}
        </Text>
        <CopyBox label={text.webhook.secret} value={of.secret} />
        <Button onClick={close} className="fit" data-autofocus>
          {text.webhook.kept}
        </Button>
      </Stack>
    </Modal>
  );
}
