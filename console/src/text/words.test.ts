import { describe, expect, it } from 'vitest';

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
