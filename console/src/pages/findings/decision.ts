import { useForm } from '@mantine/form';

import type { Schemas } from '../../api/client';
import { text } from '../../text/text';

/** What is decided of findings, whichever these are. */
export interface Decision {
  status: string;
  justification: string;
  note: string;
  expires_at: string | undefined;
}

const DAYS = 90;

/** When a decision ends unless another end is chosen, to the minute. */
export function usualEnd(): string {
  const minute = 60_000;
  const at = Math.floor(Date.now() / minute) * minute + DAYS * 24 * 60 * minute;
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

/** The form of a decision, with what it has to say. */
export function useDecision() {
  return useForm<Decision>({
    initialValues: { status: 'affected', justification: '', note: '', expires_at: usualEnd() },
    validate: {
      note: (note, values) =>
        note.trim() === '' && !(values.status === 'not_affected' && values.justification !== '')
          ? text.accept.noteNeeded
          : null,
      expires_at: (at, values) =>
        values.status === 'affected' && at === undefined ? text.accept.endNeeded : null,
    },
  });
}

/** The exception that a decision comes to. */
export function exceptionOf(
  rule: Schemas['ExceptionRuleBody'],
  { status, justification, note, expires_at }: Decision,
): Schemas['NewException'] {
  return {
    rule,
    status,
    justification: status === 'not_affected' && justification !== '' ? justification : undefined,
    note,
    action: '',
    expires_at,
  };
}
