import { describe, expect, it } from 'vitest';

import { isPlace, labelsApart } from './commands';

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
