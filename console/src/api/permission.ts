import type { Schemas } from './client';

/** What somebody may do. */
export type Permission = Schemas['Permission'];

type Me = Schemas['Me'];
type Role = Schemas['Role'];

/** The least role that has each; the type makes the compiler say when the document has another one. */
const ROLE_OF: Record<Permission, Role | 'operator'> = {
  'inventory:read': 'viewer',
  'inventory:export': 'viewer',
  'hosts:scan': 'analyst',
  'hosts:label': 'analyst',
  'findings:triage': 'analyst',
  'imports:write': 'analyst',
  'reports:manage': 'analyst',
  'jobs:cancel': 'analyst',
  'exceptions:approve': 'admin',
  'policies:write': 'admin',
  'hosts:revoke': 'admin',
  'tokens:manage': 'admin',
  'keys:manage': 'admin',
  'users:manage': 'admin',
  'settings:write': 'admin',
  'webhooks:manage': 'admin',
  'dead_letters:manage': 'admin',
  'company:export': 'admin',
  'audit:read': 'admin',
  'companies:manage': 'operator',
  'operators:manage': 'operator',
  'jobs:manage': 'operator',
  'nodes:read': 'operator',
};

/** The roles, the least first. */
const RANKS: readonly (Role | 'operator')[] = ['viewer', 'analyst', 'admin', 'operator'];

/** What a key of a company may be given that has a role. What is offered, and nothing else: the server decides. */
export function permissionsOf(role: Role): Permission[] {
  const all = Object.entries(ROLE_OF) as [Permission, Role | 'operator'][];
  const rank = Math.min(RANKS.indexOf(role), RANKS.indexOf('admin'));
  return all.filter(([, least]) => RANKS.indexOf(least) <= rank).map(([name]) => name);
}

/**
 * Whether somebody may do something in a company. Operators may do everything, unless what they are let in
 * with was narrowed. It decides what is shown and nothing else: the server decides what is done.
 */
export function may(me: Me, company: string | undefined, permission: Permission): boolean {
  if (me.is_operator) return me.scopes == null || me.scopes.includes(permission);
  const here = me.companies.find((one) => one.company === company);
  return here?.permissions.includes(permission) ?? false;
}

/**
 * The company to work in: the one of the address, or the first of somebody's own where it names none. It is none where
 * the address names one that they are not at home in: nothing of another company is shown in its place.
 */
export function companyOf(me: Me, named: string | undefined): string | undefined {
  if (me.is_operator) return named;
  const own = me.companies.map((one) => one.company);
  return named === undefined ? own[0] : own.find((one) => one === named);
}
