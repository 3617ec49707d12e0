import * as everywhere from './en/everywhere';
import * as inventory from './en/inventory';
import * as rules from './en/rules';
import * as running from './en/running';
import * as settings from './en/settings';
import * as triage from './en/triage';

/**
 * Everything that the console says, in English. Another language is another object of this shape; nothing that
 * people read stands anywhere else, but for what the server says.
 */
export const text = { ...everywhere, ...inventory, ...triage, ...rules, ...running, ...settings };

/** The shape that a language has to fill. */
export type Catalogue = typeof text;

export { PERMISSIONS, SOURCES } from './words';
