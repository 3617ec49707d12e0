import type { Schemas } from '../../api/client';
import { text } from '../../text/text';

/** What is said of software and a CVE, in OpenVEX's words. */
export const STATUSES = ['affected', 'not_affected', 'fixed', 'under_investigation'] as const;

/** Why something is not affected, in OpenVEX's words. */
export const JUSTIFICATIONS = [
  'component_not_present',
  'vulnerable_code_not_present',
  'vulnerable_code_not_in_execute_path',
  'vulnerable_code_cannot_be_controlled_by_adversary',
  'inline_mitigations_already_exist',
] as const;

/** What an exception is about, in a line. */
export function aboutOf(rule: Schemas['Exception']['rule']): string {
  const parts = [
    rule.cve,
    [rule.product, rule.version].filter(Boolean).join(' ') || undefined,
    rule.source == null ? undefined : text.source(rule.source),
    rule.purl,
    rule.score_below == null ? undefined : text.exception.scoreBelow(rule.score_below),
    rule.label == null ? undefined : text.exception.forLabel,
    rule.host == null ? undefined : text.exception.forHost,
  ];
  return parts.filter(Boolean).join(' · ');
}

/** What an exception says, to be made anew with another end or reason: all of it but these stays. */
export function bodyOf(
  of: Schemas['Exception'],
  { note, expires_at }: { note: string; expires_at: string | undefined },
): Schemas['NewException'] {
  const { cve, product, source, version, purl, score_below, host, label } = of.rule;
  return {
    name: of.name,
    rule: { cve, product, source, version, purl, score_below, host, label },
    status: of.status,
    justification: of.justification,
    action: of.action,
    suppress: of.suppress,
    note,
    expires_at,
  };
}
