import { describe, expect, it } from 'vitest';

import { text } from './text';
import { actorName, eventName } from './words';

describe('actorName', () => {
  it('is what they are called', () => {
    expect(actorName('user:0198b0a2-7000', 'ann@example.org')).toBe('ann@example.org');
  });

  it('says what somebody is who is called nothing, and tells those that are gone apart', () => {
    expect(actorName('system', null)).toBe('The collector');
    expect(actorName('local', '')).toBe('Command line');
    expect(actorName('user:0198b0a2-7000-7000', undefined)).toBe('Operator or former member 0198b0a2');
    expect(actorName('robot:1', undefined)).toBe('robot 1');
  });
});

describe('eventName', () => {
  it('shows what it does not know as it is', () => {
    expect(eventName('finding.opened')).toBe('Finding opened');
    expect(eventName('host.something')).toBe('host.something');
    expect(eventName('toString')).toBe('toString');
  });
});

describe('what is counted', () => {
  it('is one, or several', () => {
    expect(text.many(1, { one: 'finding', other: 'findings' })).toBe('1 finding');
    expect([0, 2, 1200].map((count) => text.many(count, { one: 'host', other: 'hosts' }))).toEqual([
      '0 hosts',
      '2 hosts',
      '1,200 hosts',
    ]);
  });

  it('has one form where a language names no other', () => {
    expect(text.many(1, { other: 'software' })).toBe('1 software');
  });

  it('goes by its own number where a sentence has several', () => {
    expect(text.pipeline.indexOf(2, 1)).toBe('2 CVEs, 1 rule');
    expect(text.deploy.reports(1, 3)).toBe('reports: 1 piece of software, 3 open findings');
    expect(text.host.someFindings(1)).toMatch(/^1 of the findings is named here;/);
    expect(text.overview.policies(3, 1, 2)).toBe('1 policy of 3 fails, on 2 hosts.');
    expect(text.policy.failCount(1)).toBe('1 fails');
  });
});
