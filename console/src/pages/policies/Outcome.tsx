import { Group } from '@mantine/core';

import { Go } from '../../parts/Go';
import { text } from '../../text/text';

/** Whether a policy holds, in a word. */
export function PolicyState({ state }: { state: string }) {
  const name = text.policy.states[state as keyof typeof text.policy.states] ?? state;
  const colour = state === 'fail' ? 'severity-critical' : state === 'pass' ? 'severity-low' : '';
  return <span className={`severity ${colour}`}>{name}</span>;
}

/** Which software and which CVE it is, or what is missing: whatever the collector says of it. */
export function Reason({ of }: { of: Record<string, unknown> | null | undefined }) {
  if (of == null) return null;
  const { cve, software, name, version, ...rest } = of;
  const called = [name, version].filter((part) => typeof part === 'string').join(' ');
  const parts = Object.entries(rest)
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([word, value]) =>
        `${word.replaceAll('_', ' ')}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    );
  return (
    <Group gap="xs">
      {typeof cve === 'string' && (
        <Go to="/cves/$cve" params={{ cve }}>
          {cve}
        </Go>
      )}
      {typeof software === 'string' ? (
        <Go to="/software/$software" params={{ software }}>
          {called === '' ? software : called}
        </Go>
      ) : (
        called !== '' && <span>{called}</span>
      )}
      {parts.length > 0 && <span>{parts.join(', ')}</span>}
    </Group>
  );
}
