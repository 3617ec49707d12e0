/**
 * The lines that make a host an agent, system by system, as docs/INSTALL.md has them. None of them holds the token:
 * it is pasted where it is asked for, so that it stands in no shell's history and in no list of processes.
 */

export const SYSTEMS = ['debian', 'rpm', 'windows', 'macos'] as const;
export type System = (typeof SYSTEMS)[number];

/** What a line does. */
export type Step = 'file' | 'fetch' | 'install' | 'package' | 'msi' | 'enroll' | 'forget';

export interface Line {
  step: Step;
  text: string;
}

/** Where the files of a release lie, when nobody has said it. */
export const PACKAGES = 'PACKAGES';

export interface Asked {
  system: System;
  /** An address (`https://…`) or a folder; empty when it is not known. */
  packages: string;
  /** Labels besides the token's, as `name=value`. */
  labels: readonly string[];
}

/** Whether a text names a place that the scripts take, or none. */
export const isPlace = (text: string): boolean =>
  text === '' || /^(https:\/\/|[./~]|[A-Za-z]:\\|\\\\)[^\s'"`$;&|<>]*$/.test(text);

/** Labels as people write them, `site=north, tier=web`, apart; nothing when one of them is none. */
export function labelsApart(written: string): string[] | undefined {
  const labels = written
    .split(',')
    .map((label) => label.trim())
    .filter(Boolean);
  // What needs no quoting in any of the shells.
  return labels.every((label) => /^[\w.-]+=[\w.:/@+-]*$/.test(label)) ? labels : undefined;
}

/** The lines for a system, in their order. */
export function commands({ system, packages, labels }: Asked): Line[] {
  const from = packages === '' ? PACKAGES : packages.replace(/(.)\/+$/, '$1');
  return system === 'windows' ? windows(from, labels) : unix(system, from, labels);
}

function unix(system: Exclude<System, 'windows'>, from: string, labels: readonly string[]): Line[] {
  const said = labels.map((label) => ` --label ${label}`).join('');
  const isFetched = from.startsWith('https://');
  const script = isFetched ? 'install.sh' : `${from}/install.sh`;
  const lines: Line[] = [{ step: 'file', text: '(umask 077; cat > token)' }];
  if (isFetched) lines.push({ step: 'fetch', text: `curl -fsSLO ${from}/install.sh` });
  lines.push({ step: 'install', text: `sudo sh ${script} --from ${from} --token-file token${said}` });
  const place = 'sudo install -D -m 600 token /etc/muster/enrolment-token';
  if (system === 'debian') {
    const file = './muster-agent_*_"$(dpkg --print-architecture)".deb';
    lines.push({ step: 'package', text: `${place} && sudo apt-get install -y ${file}` });
  }
  if (system === 'rpm') {
    const file = './muster-agent-*."$(uname -m)".rpm';
    // The list of a release is signed and not each rpm, which zypper would ask about.
    const suse = `sudo zypper --non-interactive install --allow-unsigned-rpm ${file}`;
    const is = (program: string) => `if command -v ${program} >/dev/null; then`;
    const by = (program: string) => `sudo ${program} install -y ${file}`;
    const install = `${is('zypper')} ${suse}; el${is('dnf')} ${by('dnf')}; else ${by('yum')}; fi`;
    lines.push({ step: 'package', text: `${place} && ${install}` });
  }
  if (system !== 'macos') {
    const enroll = 'sudo -u muster-agent muster-agent enroll < token && sudo systemctl start muster-agent';
    lines.push({ step: 'enroll', text: enroll });
  }
  lines.push({ step: 'forget', text: 'rm token' });
  return lines;
}

function windows(from: string, labels: readonly string[]): Line[] {
  const said = labels.join(',');
  const isFetched = from.startsWith('https://');
  const script = isFetched ? 'install.ps1' : `${from}\\install.ps1`;
  const options = `-From ${from} -TokenFile token${said === '' ? '' : ` -Labels '${said}'`}`;
  const property = said === '' ? '' : ` 'LABELS=${said}'`;
  const lines: Line[] = [{ step: 'file', text: "Set-Content token (Read-Host 'Token')" }];
  if (isFetched) {
    lines.push({
      step: 'fetch',
      text: `Invoke-WebRequest -UseBasicParsing ${from}/install.ps1 -OutFile install.ps1`,
    });
  }
  lines.push(
    { step: 'install', text: `powershell -ExecutionPolicy Bypass -File ${script} ${options}` },
    {
      step: 'msi',
      text: `msiexec /i (Get-Item muster-agent-*-x64.msi).FullName /qn "ENROLL_TOKEN=$(Get-Content token)"${property}`,
    },
    { step: 'forget', text: 'Remove-Item token' },
  );
  return lines;
}
