import { actorKind } from '../words';
import { many } from './everywhere';

export const deploy = {
  lead: 'Make a token, install the agent with it, and see the host appear here.',
  newToken: 'New enrolment token',
  tokenName: 'What it is for',
  tokenExample: 'Web servers, north',
  labelsDetail: 'Every host that comes with it carries them.',
  usesMax: 'Hosts at most',
  usesDetail: 'Empty: as many as come.',
  days: 'Good for so many days',
  daysDetail: 'Empty: for ever.',
  create: 'Make the token',
  made: 'The token is made',
  once: 'It is shown once: copy it or save it now.',
  token: 'The token',
  save: 'Save it as the file token',
  install: 'Install the agent',
  system: 'System',
  systems: {
    debian: 'Debian, Ubuntu',
    rpm: 'RHEL, Fedora, SUSE',
    windows: 'Windows',
    macos: 'macOS',
  },
  packages: 'Where the packages lie',
  packagesDetail:
    'An address or a folder with the files of the release, which whoever runs the collector has. It stands in the lines below and is sent nowhere.',
  packagesWrong: 'An address that begins with https://, or a folder, without spaces.',
  placeholder: (word: string) =>
    `Put in place of ${word} where the files of the release lie: an address (https://…) or a folder.`,
  moreLabels: 'Labels of these hosts',
  moreLabelsDetail: 'Besides the token’s own, which count where both name one.',
  labelsWrong: 'Write name=value, with commas between, without spaces and quotes.',
  asWho: {
    unix: 'In a shell on the host:',
    windows: 'In a PowerShell that runs as administrator, on the host:',
  },
  steps: {
    file: 'Run this, paste the token, and press Enter and Ctrl D: so it stands in no history',
    prompt: 'Run this and paste the token: so it stands in no history',
    fetch: 'Fetch what installs it',
    install: 'Install it and enrol, the signature of the packages checked first',
    package: 'Or, with the package at hand and checked',
    msi: 'Or silently, with the package at hand and checked',
    enroll: 'Or, where the agent is installed already',
    forget: 'Then forget the file',
  },
  network:
    'An agent needs a way to the collector’s port over UDP, or TCP where that does not pass. docs/INSTALL.md has what may be said besides, proxies for example.',
  came: 'Who came with the token',
  waiting: 'Waiting for the first host…',
  arrived: (count: number) => `${many(count, { one: 'host has', other: 'hosts have' })} come.`,
  reports: (software: number, findings: number) =>
    `reports: ${many(software, { one: 'piece of software', other: 'pieces of software' })}, ${many(findings, { one: 'open finding', other: 'open findings' })}`,
  another: 'Make another token',
  tokens: 'Tokens',
  none: 'No token yet',
  uses: 'Hosts',
  usesOf: (uses: number, max: number) => `${uses} of ${max}`,
  expires: 'Ends',
  revoked: 'The token is refused from now on.',
  revokeDetail: (name: string) => `${name} is refused from now on. Hosts that came with it stay.`,
};

export const audit = {
  lead: 'Who changed what, and what it was before.',
  of: 'Whose log',
  company: 'Company',
  at: 'When',
  actor: 'Who',
  kind: 'As',
  kindOf: actorKind,
  action: 'What',
  object: 'To what',
  objectId: 'Id of the object',
  address: 'From',
  since: 'From',
  until: 'Before',
  before: 'What it was',
  after: 'What it is',
  allOf: (name: string) => `Everything that ${name} did`,
  none: 'No change fits',
  entry: 'A change',
  notOnPage: 'This change is not on this page of the log',
  notOnPageDetail:
    'Later ones have moved it to another page, the filters leave it out, or it is of another log. Its time, its action or the id of its object finds it.',
};

export const feed = {
  lead: 'Where the knowledge of vulnerabilities comes from, and how old it is.',
  source: 'Feed',
  newest: 'Newest record',
  success: 'Last brought in',
  records: 'Records',
  skipped: 'Skipped',
  next: 'Next',
  error: 'Trouble',
  failing: 'Trouble',
  old: (days: number) => `Not brought in for ${many(days, { one: 'day', other: 'days' })}`,
  failures: (count: number) =>
    count === 0 ? 'Trouble' : `Failed ${many(count, { one: 'time', other: 'times' })}`,
  byHand: 'by hand',
  none: 'No feed was imported',
  noneDetail:
    'Until then nothing can be evaluated. On the collector’s machine: muster-collector feed sync, or feed import.',
  nvd: 'This product uses data from the NVD API but is not endorsed or certified by the NVD.',
};

export const dead = {
  lead: 'Reports that can never be stored as they are. Asking the host again makes up for them.',
  received: 'Received',
  reason: 'Reason',
  detail: 'Detail',
  bytes: 'Size',
  replay: 'Ask the host again',
  replayed: 'Asked again',
  asked: 'The host is asked for all that it has.',
  none: 'No dead letter',
  noneDetail: 'Every report was stored.',
};

export const company = {
  lead: 'The tenants of this collector.',
  active: 'Active',
  suspended: 'Suspended',
  suspend: 'Suspend',
  suspendDetail: (name: string) => `The agents of ${name} are refused from now on. Nothing is deleted.`,
  resume: 'Resume',
  resumed: 'Its agents are taken again.',
  create: 'New company',
  made: (name: string) => `${name} is made.`,
  rename: 'Rename',
  renameDetail: 'Who signs in by the company’s provider gives the new name from then on.',
  renamed: (name: string) => `It is called ${name} now.`,
  delete: 'Delete',
  deleteDetail: (name: string) =>
    `${name} is shut at once: its agents are refused, its people signed out. For some days it can be kept; then everything of it is erased, which cannot be undone.`,
  confirm: (name: string) => `Type ${name} to confirm`,
  deleted: (name: string) => `${name} is shut, and will be erased.`,
  deletedFrom: 'Will be erased',
  erasing: 'Being erased',
  keep: 'Keep',
  kept: (name: string) => `${name} is kept.`,
  none: 'No company',
  noneDetail: 'Make the first one.',
};

export const operator = {
  lead: 'Who runs the collector for all companies.',
  invite: 'Invite an operator',
  removeDetail: (email: string) => `${email} is no operator any more, at once.`,
};
