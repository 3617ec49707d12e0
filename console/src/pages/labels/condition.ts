import type { Schemas } from '../../api/client';
import { text } from '../../text/text';

/** A condition on a host. */
export type Condition = Schemas['HostCondition'];

/** What a single condition may be about. */
export const KINDS = [
  'platform',
  'os_version',
  'hostname',
  'arch',
  'agent_version',
  'enrolment_label',
  'software',
] as const;

/** One line of a rule, as a form has it. */
export interface Line {
  kind: (typeof KINDS)[number];
  /** The value, or the name of what has one. */
  value: string;
  /** The value of an enrolment label, or the versions of software. */
  second: string;
  /** Whether it is not to hold. */
  not: boolean;
}

/** The condition that a line says. */
function one(line: Line): Condition {
  const value = line.value.trim();
  const second = line.second.trim();
  const holds: Condition =
    line.kind === 'enrolment_label'
      ? { enrolment_label: { name: value, value: second } }
      : line.kind === 'software'
        ? { software: { name: value, version: second === '' ? undefined : second } }
        : ({ [line.kind]: value } as unknown as Condition);
  return line.not ? { not: holds } : holds;
}

/** The rule that lines say: all of them hold, or any. */
export function toCondition(join: 'all' | 'any', lines: readonly Line[]): Condition {
  const all = lines.map(one);
  const [only] = all;
  if (all.length === 1 && only !== undefined) return only;
  return join === 'all' ? { all } : { any: all };
}

/** The lines of a rule; nothing for a tree that is deeper than lines can say. */
export function fromCondition(rule: Condition): { join: 'all' | 'any'; lines: Line[] } | undefined {
  const of = rule as Record<string, unknown>;
  const join = 'any' in of ? 'any' : 'all';
  const parts = (Array.isArray(of[join]) ? of[join] : [rule]) as Record<string, unknown>[];
  const lines: Line[] = [];
  for (const part of parts) {
    const not = 'not' in part;
    const plain = (not ? part.not : part) as Record<string, unknown>;
    const kind = KINDS.find((name) => name in plain);
    if (kind === undefined) return undefined;
    const said = plain[kind];
    if (typeof said === 'string') {
      lines.push({ kind, value: said, second: '', not });
    } else {
      const { name, value, version, source } = said as Record<string, string | null | undefined>;
      // A form that would lose the source must not be shown for it.
      if (source != null) return undefined;
      lines.push({ kind, value: name ?? '', second: value ?? version ?? '', not });
    }
  }
  return { join, lines };
}

/** A rule in words. */
export function sentence(rule: Condition): string {
  const of = rule as Record<string, unknown>;
  for (const join of ['all', 'any'] as const) {
    if (Array.isArray(of[join]))
      return (of[join] as Condition[]).map(sentence).join(join === 'all' ? text.label.and : text.label.or);
  }
  if ('not' in of) return text.label.not(sentence(of.not as Condition));
  const kind = KINDS.find((name) => name in of);
  if (kind === undefined) return JSON.stringify(rule);
  const said = of[kind];
  const value =
    typeof said === 'string'
      ? said
      : Object.values(said as Record<string, string>)
          .filter(Boolean)
          .join(' ');
  return `${text.label.kinds[kind]} ${value}`;
}
