import { describe, expect, it } from 'vitest';

import { EMPTY_RULE, fromRule, KINDS, sentence, toRule } from './rules';

describe('rules', () => {
  it('read back what a form said, for every kind', () => {
    for (const kind of KINDS) {
      const rule = toRule({ ...EMPTY_RULE, kind, name: 'openssl', version: '>= 3', days: 3 });
      expect(Object.keys(rule)).toEqual([kind]);
      expect(toRule(fromRule(rule))).toEqual(rule);
      expect(sentence(rule)).not.toBe('');
    }
  });
});
