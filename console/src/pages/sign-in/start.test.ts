import { describe, expect, it } from 'vitest';

import { startOf } from './start';

describe('startOf', () => {
  it('names a company, or an address where one was typed', () => {
    expect(startOf(' North & Wind ', undefined)).toBe('/api/v1/oidc/start?company=North+%26+Wind');
    expect(startOf('ann@example.org', undefined)).toBe('/api/v1/oidc/start?email=ann%40example.org');
  });

  it('brings along where somebody wanted to', () => {
    expect(startOf('Acme', '/hosts?a=b')).toBe('/api/v1/oidc/start?company=Acme&to=%2Fhosts%3Fa%3Db');
  });
});
