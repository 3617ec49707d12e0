/** Signing in by a company's own provider of identities. */
export const provider = {
  title: 'Your company’s own sign-in',
  whose: 'Company name or work email',
  go: 'Continue with your company',
  refused: {
    unknown: 'No company of this name or domain has a sign-in of its own here.',
    away: 'Your company’s provider cannot be asked, or is not set up right. Whoever looks after it finds the reason in the collector’s log.',
    expired: 'The sign-in took too long, or was begun in another window. Try it again.',
    denied: 'Your company’s provider let nobody in.',
    untrue: 'What your company’s provider answered cannot be believed.',
    unverified: 'Your company’s provider does not say that the email address is yours.',
    domain: 'Your email address is of a domain that is not let in.',
    'not-theirs':
      'There is an account with your email address that your company’s provider does not speak for. Sign in with its password.',
    removed: 'You were taken out of the company. An admin can invite you again.',
    'no-role': 'No group of yours gives you a role here.',
    'too-many': 'Too many attempts from where you are. Wait a minute.',
  },
  none: 'Nobody signs in by a provider yet. Register this collector with yours as a web application, then set it here.',
  off: 'The operator has to say first how browsers reach this collector (oidc.public_url).',
  redirect: 'Address that the provider sends people back to',
  issuer: 'Issuer',
  issuerDetail: 'What the provider calls itself, such as https://login.example.org.',
  clientId: 'Client ID',
  secret: 'Client secret',
  secretKept: 'Never shown. Empty: as it is, as long as the issuer stays.',
  domains: 'Email domains that are let in',
  domainsDetail: 'With commas between them. Of others nobody comes in.',
  trustedDomains: 'Of these, domains whose addresses need not be called verified',
  trustedDomainsDetail:
    'For providers that do not say so, such as Microsoft Entra ID without the claim xms_edov. Only where nobody but the provider’s admins sets addresses.',
  defaultRole: 'Role of everybody else',
  defaultRoleDetail: 'Of those who have none by a group.',
  nobody: 'They are not let in',
  groupsClaim: 'Claim that names groups',
  groupsClaimDetail:
    'Such as groups. With it, roles follow groups at every sign-in; the last admin stays one.',
  group: 'Group',
  groupRole: (group: string) => (group === '' ? 'Role of this group' : `Role of ${group}`),
  addGroup: 'Add a group',
  removeGroup: (group: string) => (group === '' ? 'Remove this group' : `Remove ${group}`),
  saved: 'Saved. The provider answered.',
  remove: 'Take the provider away',
  removeDetail: 'Nobody signs in by it any more. Who is signed in stays so until the session ends.',
  removed: 'The provider is taken away.',
};

/** Why nobody was signed in by a provider: the words of its answer. */
export type Refused = keyof typeof provider.refused;

export const REFUSED = Object.keys(provider.refused) as Refused[];
