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
  const parts = Object.entries(of)
    .filter(([, value]) => value !== null && value !== '')
    .map(
      ([name, value]) =>
        `${name.replaceAll('_', ' ')}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    );
  return <>{parts.join(', ')}</>;
}
