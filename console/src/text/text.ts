import * as everywhere from './en/everywhere';
import * as imports from './en/imports';
import * as inventory from './en/inventory';
import * as reports from './en/reports';
import { provider } from './en/provider';
import * as rules from './en/rules';
import * as running from './en/running';
import * as settings from './en/settings';
import * as triage from './en/triage';
import * as webhooks from './en/webhooks';

/**
 * Everything that the console says, in English. Another language is another object of this shape; nothing that
 * people read stands anywhere else, but for what the server says.
 */
export const text = {
  ...everywhere,
  ...imports,
  ...inventory,
  ...triage,
  ...rules,
  ...reports,
  ...running,
  ...settings,
  ...webhooks,
  provider,
};

/** The shape that a language has to fill. */
export type Catalogue = typeof text;

export { actorName, EVENT_KINDS, SOURCES } from './words';
export { REFUSED, type Refused } from './en/provider';
