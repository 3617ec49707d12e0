import type { Schemas } from '../../api/client';
import { text } from '../../text/text';

/** What is to hold for hosts: exactly one of several kinds. */
export type Rule = Schemas['PolicyRule'];

/** The kinds of rules. */
export const KINDS = [
  'no_finding',
  'software_version',
  'no_software',
  'has_software',
  'seen_within',
] as const;
/** One kind of rule. */
export type Kind = (typeof KINDS)[number];

/** What a form has of a rule, whatever its kind. */
export interface RuleValues {
  kind: Kind;
  kev: boolean;
  severity_min: string;
  epss_above: number | '';
  cve: string;
  older_than_days: number | '';
  name: string;
  source: string;
  version: string;
  days: number | '';
}

/** A form that says nothing yet. */
export const EMPTY_RULE: RuleValues = {
  kind: 'no_finding',
  kev: true,
  severity_min: '',
  epss_above: '',
  cve: '',
  older_than_days: 14,
  name: '',
  source: '',
  version: '',
  days: 7,
};

/** The rule that a form says. */
export function toRule(values: RuleValues): Rule {
  const line = (value: string) => value.trim() || undefined;
  const software = {
    name: values.name.trim(),
    source: line(values.source) as Schemas['Source'] | undefined,
    version: line(values.version),
  };
  switch (values.kind) {
    case 'no_finding':
      return {
        no_finding: {
          kev: values.kev,
          severity_min: line(values.severity_min),
          epss_above: values.epss_above === '' ? undefined : values.epss_above,
          cve: line(values.cve),
          older_than_days: values.older_than_days === '' ? 0 : values.older_than_days,
        },
      };
    case 'software_version':
      return { software_version: software };
    case 'no_software':
      return { no_software: software };
    case 'has_software':
      return { has_software: software };
    case 'seen_within':
      return { seen_within: { days: values.days === '' ? 1 : values.days } };
  }
}

/** What a form has to say for a rule. */
export function fromRule(rule: Rule): RuleValues {
  const kind = KINDS.find((one) => one in rule) ?? 'no_finding';
  const of = ((rule as Record<string, unknown>)[kind] ?? {}) as Record<
    string,
    string | number | boolean | null | undefined
  >;
  const line = (name: string) => (of[name] == null ? '' : String(of[name]));
  const number = (name: string): number | '' => (typeof of[name] === 'number' ? of[name] : '');
  return {
    kind,
    kev: of.kev === true,
    severity_min: line('severity_min'),
    epss_above: number('epss_above'),
    cve: line('cve'),
    older_than_days: number('older_than_days'),
    name: line('name'),
    source: line('source'),
    version: line('version'),
    days: number('days'),
  };
}

/** A rule in a sentence. */
export function sentence(rule: Rule): string {
  const values = fromRule(rule);
  const software = [
    values.name,
    values.version,
    values.source && text.source(values.source as Schemas['Source']),
  ]
    .filter(Boolean)
    .join(' ');
  switch (values.kind) {
    case 'no_finding':
      return text.policy.noFinding(
        [
          values.kev && text.finding.kev,
          values.severity_min && text.policy.atLeast(values.severity_min),
          values.cve,
          values.epss_above !== '' && text.policy.epssAbove(values.epss_above),
          values.older_than_days !== '' &&
            values.older_than_days > 0 &&
            text.policy.olderThan(values.older_than_days),
        ]
          .filter(Boolean)
          .join(', '),
      );
    case 'software_version':
      return text.policy.softwareVersion(software);
    case 'no_software':
      return text.policy.noSoftware(software);
    case 'has_software':
      return text.policy.hasSoftware(software);
    case 'seen_within':
      return text.policy.seenWithin(values.days === '' ? 0 : values.days);
  }
}
