import { Button, type ButtonProps, Group, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';

import { text } from '../text/text';

interface ConfirmProps extends ButtonProps {
  label: string;
  /** What it is done to, where there are several such buttons: for who hears them one by one. */
  of?: string;
  /** What is going to happen, and whether it can be undone. */
  detail: ReactNode;
  /** What the button that does it says; the same as `label` when absent. */
  action?: string;
  onConfirm: () => void;
}

/** A button that asks again before it does something that cannot be undone. */
export function Confirm({ label, of, detail, action, onConfirm, ...button }: ConfirmProps) {
  const [isOpen, { open, close }] = useDisclosure(false);
  return (
    <>
      <Button
        variant="default"
        size="xs"
        aria-label={of === undefined ? undefined : text.common.actionOf(label, of)}
        {...button}
        onClick={open}
      >
        {label}
      </Button>
      <Modal
        opened={isOpen}
        onClose={close}
        title={label}
        closeButtonProps={{ 'aria-label': text.common.close }}
      >
        <Text component="div">{detail}</Text>
        <Group justify="flex-end" mt="lg">
          <Button variant="default" onClick={close}>
            {text.common.cancel}
          </Button>
          <Button
            color="red.9"
            onClick={() => {
              close();
              onConfirm();
            }}
          >
            {action ?? label}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
