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
