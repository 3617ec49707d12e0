import { asNumber } from '../../format/number';

/** The forms of what is counted, by the categories of the language: two in English, and up to six in others. */
type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

const categories = new Intl.PluralRules('en-GB');

/** The form that goes with a number. */
const formOf = (count: number, forms: Forms) => forms[categories.select(count)] ?? forms.other;

/** A number and what is counted. */
const many = (count: number, forms: Forms) => `${asNumber(count)} ${formOf(count, forms)}`;

export const product = 'Muster';

export const nav = {
  skip: 'Skip to the page',
  main: 'Pages',
  menu: 'Menu',
  look: 'Inventory',
  decide: 'Decisions',
  run: 'Running',
  operate: 'All companies',
  overview: 'Overview',
  hosts: 'Hosts',
  software: 'Software',
  cves: 'Vulnerabilities',
  findings: 'Findings',
  exceptions: 'Exceptions',
  policies: 'Policies',
  labels: 'Labels',
  reports: 'Reports',
  deploy: 'Deploy agents',
  imports: 'Imports',
  pipeline: 'Pipeline',
  deadLetters: 'Dead letters',
  feeds: 'Feeds',
  audit: 'Audit log',
  webhooks: 'Webhooks and events',
  settings: 'Settings',
  companies: 'Companies',
  operators: 'Operators',
  company: 'Company',
  companyOf: (id: string, role: string) => `Company ${id} (${role})`,
  chooseCompany: 'Choose a company',
  findCompany: 'Find another company…',
  companiesAgain: 'Read the companies again',
  account: 'Account menu',
  own: 'Your account',
  api: 'API reference',
  signOut: 'Sign out',
  signingOut: 'You are being signed out…',
  scheme: 'Light or dark',
  schemes: { light: 'Light', dark: 'Dark', auto: 'As the system' },
};

export const common = {
  actions: 'Actions',
  all: 'All of them',
  any: 'Any',
  asOf: 'As it was at',
  asOfAt: (at: string) => `As it was at ${at}`,
  cancel: 'Cancel',
  clearFilters: 'Clear filters',
  close: 'Close',
  copied: 'Copied',
  copy: 'Copy',
  created: 'Made',
  delete: 'Delete',
  description: 'Description',
  edit: 'Edit',
  editOf: (name: string) => `Edit ${name}`,
  actionOf: (action: string, name: string) => `${action} ${name}`,
  filters: 'Filters',
  name: 'Name',
  never: 'never',
  no: 'no',
  none: 'none',
  noneFoundDetail: 'Nothing fits these filters. Clear some of them, or look at another time.',
  notKnown: 'not known',
  readAt: (at: string) => `As of ${at}`,
  countedAt: (at: string) => `numbers as counted at ${at}`,
  refresh: 'Refresh',
  reload: 'Load the page again',
  remove: 'Remove',
  retry: 'Try again',
  revoke: 'Revoke',
  save: 'Save',
  toList: 'To the list',
  unknown: 'unknown',
  wholeInstant: 'Not in force: give the whole date and time.',
  without: (filter: string, value: string) => `Take the filter away: ${filter}: ${value}`,
  yes: 'yes',
};

export const state = {
  away: 'The collector cannot be reached',
  awayDetail:
    'There is no answer. The console goes on as soon as there is one; nothing that you did is lost unless it says so.',
  broken: 'This page is broken',
  brokenDetail:
    'It may have been replaced by a newer version. If loading it again does not help, tell us what it says:',
  failed: 'That did not work',
  loading: 'Loading',
  noPermission: 'You may not see this',
  noPermissionDetail:
    'Your role does not have it. An admin of your company can give you another one under Settings.',
  notFound: 'There is nothing here',
  notFoundDetail: 'It is gone, it never was, or it belongs to another company.',
  lost: 'No page has this address.',
  request: 'Request',
};

export const error = { title: 'That did not work' };

export const table = {
  total: (shown: string, count: number) => `${shown} ${formOf(count, { one: 'row', other: 'rows' })}`,
  columns: 'Columns',
  cut: 'of which only these are listed',
  noneFound: 'Nothing here has this in its name.',
  pages: 'Pages of the list',
  first: 'First',
  back: 'Back',
  next: 'Next',
  rowsAPage: 'Rows on a page',
  rows: (count: number) => many(count, { one: 'row', other: 'rows' }),
  pick: (row: string) => `Select ${row}`,
  pickAll: 'Select all rows of the page',
};

export const find = {
  open: 'Search hosts, software and CVEs',
  label: 'Search',
  placeholder: 'A host, software, a CVE or a page',
  pages: 'Pages',
  nothing: 'Nothing has this in its name.',
  short: 'Type two letters or more to look for hosts, software and vulnerabilities.',
  looking: 'Looking…',
  failed: (where: string) => `Could not look everywhere. What is missing: ${where}.`,
  cve: (id: string) => `Look up ${id}`,
};

const file = {
  export: 'Export',
  csv: 'As CSV',
  ndjson: 'As JSON, an object a line',
  failed: 'The export did not work',
  broken: 'It broke off before its end. Nothing was saved.',
};
export { file as export };

export const signIn = {
  title: 'Sign in',
  email: 'Email address',
  password: 'Password',
  show: 'Show or hide the password',
  code: 'Code of the second factor',
  codeDetail: 'What your authenticator shows, or one of your recovery codes.',
  submit: 'Sign in',
};

export const still = {
  title: 'You are still signed in here',
  detail:
    'The collector did not answer, so your session has not ended. What was shown is gone from this browser, but whoever opens the console in it once the collector answers is you. Try again before you leave.',
  again: 'The collector still does not answer.',
  stay: 'Stay signed in',
};

export const invitation = {
  title: 'Accept an invitation',
  lead: 'Choose a password for a new account. To use an account with this address that you have already, give its password.',
  token: 'Invitation',
  name: 'Your name',
  passwordDetail: (min: number) => `${min} characters or more, of any kind.`,
  submit: 'Accept',
  done: 'Accepted',
};

export const overview = {
  title: 'Overview',
  lead: 'What needs somebody now.',
  noCompany: 'No company is chosen',
  makeCompany: 'Make a company',
  makeCompanyDetail: 'Hosts, findings and people belong to one. Choose one, or make the first.',
  inNone: 'You belong to no company',
  inNoneDetail: 'Somebody has to invite you to one, or to invite you again.',
  noHosts: 'No host reports yet',
  noHostsDetail: 'Deploy an agent; its host is here within a minute.',
  kev: 'Known to be exploited',
  critical: 'Critical findings',
  open: 'Open findings',
  overdue: 'Overdue hosts',
  softwareEver: 'Software, gone included',
  failingFeeds: 'Failing feeds',
  uncounted: 'Not counted here:',
  suppressed: (count: number) =>
    `${many(count, { one: 'finding is', other: 'findings are' })} left out, because an exception says that you need not be told;`,
  gone: (count: number) =>
    `${many(count, { one: 'finding is', other: 'findings are' })} of software that no host has any more.`,
  lesser: 'Less than high',
  exploited: 'Exploited, and on your hosts',
  noExploited: 'Nothing that your hosts have is known to be exploited.',
  likely: 'Most likely to be exploited next',
  noLikely: 'No CVE is known to be on your hosts.',
  silent: (days: number) => `Silent for ${days} days`,
  noSilent: 'Every host was heard of.',
  policies: (all: number, failing: number, hosts: number) =>
    `${many(failing, { one: 'policy', other: 'policies' })} of ${asNumber(all)} ${formOf(failing, { one: 'fails', other: 'fail' })}, on ${many(hosts, { one: 'host', other: 'hosts' })}.`,
  feeds: 'How old the knowledge is',
  reports: 'What agents report',
};

export { formOf, many };
