import type { Schemas } from '../api/client';

/** Where software is known from. The type makes the compiler say when the document has another one. */
const sources: Record<Schemas['Source'], string> = {
  deb: 'Debian package (deb)',
  rpm: 'RPM package',
  apk: 'Alpine package (apk)',
  pacman: 'Arch package (pacman)',
  snap: 'Snap',
  flatpak: 'Flatpak',
  appimage: 'AppImage',
  programs: 'Windows program',
  msix: 'Windows app (MSIX)',
  apps: 'macOS app',
  pkg: 'macOS package (pkg)',
  homebrew: 'Homebrew',
  python: 'Python package',
  npm: 'npm package',
  gem: 'Ruby gem',
  vscode: 'VS Code extension',
  chrome_extension: 'Chrome extension',
  firefox_addon: 'Firefox add-on',
  os: 'Operating system',
  windows_update: 'Windows update',
  cargo: 'Rust crate',
  safari_extension: 'Safari extension',
  jetbrains_plugin: 'JetBrains plug-in',
  go: 'Go module',
  maven: 'Maven artifact',
  nuget: 'NuGet package',
  hex: 'Hex package',
  component: 'Component',
  macports: 'MacPorts',
};

/** What a source is called. */
export const sourceName = (source: Schemas['Source']): string => sources[source];

/** All sources. */
export const SOURCES = Object.keys(sources) as Schemas['Source'][];

const events: Record<Schemas['EventKind'], string> = {
  'finding.opened': 'Finding opened',
  'finding.resolved': 'Finding resolved',
  'finding.changed': 'Finding changed',
  'finding.suppressed': 'Finding left out',
  'finding.reopened': 'Finding open again',
  'policy.pass': 'Policy holds',
  'policy.fail': 'Policy fails',
  'policy.unknown': 'Policy unknown',
};

/** What an event is called; a trial of a webhook is none that can be asked for. */
export const eventName = (kind: string): string =>
  kind === 'webhook.test'
    ? 'Test'
    : Object.hasOwn(events, kind)
      ? events[kind as Schemas['EventKind']]
      : kind;

/** All kinds of events. */
export const EVENT_KINDS = Object.keys(events) as Schemas['EventKind'][];

const actors: Record<string, string> = {
  user: 'Person',
  api_key: 'API key',
  local: 'Command line',
  system: 'The collector',
};

/** What kind of actor somebody is. */
export const actorKind = (kind: string): string =>
  Object.hasOwn(actors, kind) ? (actors[kind] ?? kind) : kind;

const NOT_OF_THE_COMPANY = 'Operator or former member';

/**
 * Who did something: what they are called, or else what they are, and the beginning of their id where they have one.
 * The API names them by a word such as `user:<id>`.
 */
export function actorName(word: string, name: string | null | undefined): string {
  if (name != null && name !== '') return name;
  const [kind = '', id] = word.split(':');
  if (id === undefined) return actorKind(kind);
  return `${kind === 'user' ? NOT_OF_THE_COMPANY : actorKind(kind)} ${id.slice(0, 8)}`;
}
