import { describe, expect, it } from 'vitest';

import { SYSTEMS, commands, isPlace, labelsApart } from './commands';

const of = (system: (typeof SYSTEMS)[number], packages = '', labels: string[] = []) =>
  Object.fromEntries(commands({ system, packages, labels }).map((line) => [line.step, line.text]));

describe('the lines for a system', () => {
  it('are those of the installation guide', () => {
    expect(of('debian').install).toBe('sudo sh PACKAGES/install.sh --from PACKAGES --token-file token');
    expect(of('debian').package).toMatch(/enrolment-token && sudo apt-get install -y \.\/muster-agent_/);
    expect(of('rpm').package).toMatch(
      /zypper --non-interactive install --allow-unsigned-rpm .*; elif .* dnf install -y .* yum install -y .*; fi$/,
    );
    expect(of('macos').package).toBeUndefined();
    expect(of('windows').install).toContain('-File PACKAGES\\install.ps1 -From PACKAGES -TokenFile token');
    expect(of('windows').msi).toContain('/qn "ENROLL_TOKEN=$(Get-Content token)"');
  });

  it('fetch the script from where the packages lie', () => {
    const lines = of('debian', 'https://packages.example/muster/');
    expect(lines.fetch).toBe('curl -fsSLO https://packages.example/muster/install.sh');
    expect(lines.install).toBe(
      'sudo sh install.sh --from https://packages.example/muster --token-file token',
    );
    expect(of('macos', '/srv/muster').fetch).toBeUndefined();
    expect(of('windows', 'https://packages.example').fetch).toContain('https://packages.example/install.ps1');
  });

  it('say labels as each of them takes them', () => {
    const labels = ['site=north', 'tier=web'];
    expect(of('rpm', '', labels).install).toMatch(/ --label site=north --label tier=web$/);
    expect(of('windows', '', labels).install).toMatch(/ -Labels 'site=north,tier=web'$/);
    expect(of('windows', '', labels).msi).toMatch(/ 'LABELS=site=north,tier=web'$/);
  });

  it('end without the token on the disk', () => {
    for (const system of SYSTEMS) {
      expect(commands({ system, packages: '', labels: [] }).at(-1)?.step).toBe('forget');
    }
  });
});

describe('what is typed', () => {
  it('is a place that the scripts take', () => {
    for (const place of [
      '',
      'https://packages.example/a',
      '/srv/muster',
      './here',
      'C:\\muster',
      '\\\\srv\\m',
    ]) {
      expect(isPlace(place), place).toBe(true);
    }
    for (const place of ['http://packages.example', '/srv/a b', '/srv;reboot', '$(id)']) {
      expect(isPlace(place), place).toBe(false);
    }
  });

  it('is labels that no shell reads otherwise', () => {
    expect(labelsApart(' site=north, tier=web ,')).toEqual(['site=north', 'tier=web']);
    expect(labelsApart('')).toEqual([]);
    expect(labelsApart('site')).toBeUndefined();
    expect(labelsApart("site='; reboot")).toBeUndefined();
  });
});
