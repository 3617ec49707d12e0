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
};

/** What a source is called. */
export const sourceName = (source: Schemas['Source']): string => sources[source];

/** All sources. */
export const SOURCES = Object.keys(sources) as Schemas['Source'][];

const permissions: Record<Schemas['Permission'], true> = {
  'inventory:read': true,
  'inventory:export': true,
  'hosts:scan': true,
  'hosts:label': true,
  'findings:triage': true,
  'exceptions:approve': true,
  'policies:write': true,
  'hosts:revoke': true,
  'tokens:manage': true,
  'keys:manage': true,
  'users:manage': true,
  'settings:write': true,
  'dead_letters:manage': true,
  'webhooks:manage': true,
  'audit:read': true,
  'companies:manage': true,
  'operators:manage': true,
  'nodes:read': true,
};

/** All permissions. */
export const PERMISSIONS = Object.keys(permissions) as Schemas['Permission'][];
