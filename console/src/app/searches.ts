import { count, flag, instant, oneOf, search, text } from '../url/search';

/** How severe something is at least, the least first. */
export const SEVERITIES = ['unknown', 'none', 'low', 'medium', 'high', 'critical'] as const;
/** How sure a finding is at least. */
export const CONFIDENCES = ['low', 'medium', 'high'] as const;
/** What a finding is at the moment. */
export const FINDING_STATES = ['open', 'suppressed', 'resolved', 'any'] as const;
/** The orders of findings. */
export const FINDING_SORTS = ['severity', 'epss', 'kev', 'opened', 'hosts'] as const;
/** Whether a version is known that is fixed. */
export const FIXES = ['known', 'unknown'] as const;
/** What an exception is at the moment. */
export const EXCEPTION_STATES = ['requested', 'active', 'rejected', 'withdrawn', 'expired'] as const;
/** What a policy comes to for a host. */
export const POLICY_STATES = ['pass', 'fail', 'unknown'] as const;
/** How an import stands. */
export const IMPORT_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;
/** How a message of a webhook stands. */
export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
/** What matching could make of software. */
export const MATCHING = ['evaluated', 'not_evaluable', 'unmapped'] as const;

/** What is shown beside what is on hosts: what no host has any more instead of it, or both. */
export const ON_HOSTS = ['none', 'any'] as const;
/** The filter of the API for that. */
export const onHosts = (on: (typeof ON_HOSTS)[number] | undefined): boolean | undefined =>
  on === 'any' ? undefined : on !== 'none';

const page = { page_token: text, limit: count, hide: text };

/** How far back the overview's trends go. */
export const overview = search({ span: oneOf(['week', 'quarter']) });

export const hosts = search({
  query: text,
  kind: oneOf(['agent', 'sbom']),
  platform: text,
  cve: text,
  software: text,
  silent_since: instant,
  overdue: flag,
  agent_version_below: text,
  label: text,
  enrolment_label: text,
  fails: text,
  revoked: flag,
  as_of: instant,
  sort: oneOf(['hostname', 'last_seen', 'silent', 'enrolled', 'software', 'findings', 'critical', 'kev']),
  ...page,
});

export const host = search({
  tab: oneOf(['facts', 'software', 'findings', 'policies', 'sources', 'history']),
  query: text,
  vulnerable: flag,
  state: oneOf(FINDING_STATES),
  severity_min: oneOf(SEVERITIES),
  as_of: instant,
  row: text,
  panel: oneOf(['explain', 'accept']),
  sort: oneOf(FINDING_SORTS),
  kind: oneOf(['upgraded', 'installed', 'removed', 'finding_opened', 'finding_resolved']),
  since: instant,
  until: instant,
  ...page,
});

export const software = search({
  view: oneOf(['titles', 'versions']),
  query: text,
  source: text,
  status: oneOf(MATCHING),
  vulnerable: flag,
  name: text,
  label: text,
  gone: flag,
  as_of: instant,
  sort: oneOf(['name', 'hosts', 'findings', 'first_seen']),
  ...page,
});

export const softwareItem = search({
  tab: oneOf(['hosts', 'findings', 'matching']),
  cve: text,
  row: text,
  panel: oneOf(['explain', 'accept']),
  ...page,
});

export const cves = search({
  query: text,
  severity_min: oneOf(SEVERITIES),
  kev: flag,
  on: oneOf(ON_HOSTS),
  sort: oneOf(['severity', 'epss', 'kev', 'hosts', 'published']),
  ...page,
});

export const cve = search({
  tab: oneOf(['hosts', 'software', 'scores']),
  as_of: instant,
  row: text,
  panel: oneOf(['explain', 'accept']),
  ...page,
});

export const findings = search({
  state: oneOf(FINDING_STATES),
  severity_min: oneOf(SEVERITIES),
  kev: flag,
  cve: text,
  software: text,
  software_name: text,
  fix: oneOf(FIXES),
  on: oneOf(ON_HOSTS),
  host: text,
  confidence_min: oneOf(CONFIDENCES),
  label: text,
  exception: text,
  as_of: instant,
  row: text,
  panel: oneOf(['explain', 'accept']),
  sort: oneOf(FINDING_SORTS),
  ...page,
});

export const exceptions = search({
  tab: oneOf(['exceptions', 'vex']),
  state: oneOf(EXCEPTION_STATES),
  cve: text,
  product: text,
  label: text,
  document: text,
  open: text,
  ...page,
});

export const policies = search({ edit: text, ...page });
export const policy = search({ state: oneOf(POLICY_STATES), edit: text, ...page });
export const labels = search({ edit: text, ...page });
export const reports = search({
  tab: oneOf(['reports', 'schedules']),
  schedule: text,
  edit: text,
  ...page,
});
export const deploy = search({ token: text, ...page });

export const imports = search({ state: oneOf(IMPORT_STATES), open: text, ...page });

export const audit = search({
  of: oneOf(['company', 'operators']),
  actor: text,
  action: text,
  object: text,
  since: instant,
  until: instant,
  open: text,
  ...page,
});

export const webhooks = search({
  tab: oneOf(['webhooks', 'dead', 'events']),
  kind: text,
  edit: text,
  ...page,
});
export const webhook = search({ state: oneOf(DELIVERY_STATES), open: text, edit: text, ...page });

export const settings = search({
  tab: oneOf(['people', 'provider', 'keys', 'agents', 'exceptions', 'kept']),
});
export const companies = search({ query: text, ...page });
export const deadLetters = search(page);
