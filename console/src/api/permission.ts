import type { Schemas } from './client';

/** What somebody may do. */
export type Permission = Schemas['Permission'];

type Me = Schemas['Me'];

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
