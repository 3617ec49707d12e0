import { describe, expect, it } from 'vitest';

import { companyOf, may, permissionsOf } from './permission';

const viewer = {
  id: 'u',
  kind: 'user',
  name: 'ann@example.org',
  is_operator: false,
  companies: [
    { company: 'a', role: 'viewer' as const, permissions: ['inventory:read' as const] },
    { company: 'b', role: 'admin' as const, permissions: ['inventory:read' as const, 'audit:read' as const] },
  ],
};
const operator = { ...viewer, is_operator: true, companies: [] };

describe('may', () => {
  it('goes by the company that is looked at', () => {
    expect(may(viewer, 'a', 'inventory:read')).toBe(true);
    expect(may(viewer, 'a', 'audit:read')).toBe(false);
    expect(may(viewer, 'b', 'audit:read')).toBe(true);
    expect(may(viewer, 'c', 'inventory:read')).toBe(false);
    expect(may(viewer, undefined, 'inventory:read')).toBe(false);
  });

  it('lets operators do everything but what their scopes leave out', () => {
    expect(may(operator, undefined, 'nodes:read')).toBe(true);
    expect(may({ ...operator, scopes: ['inventory:read'] }, 'a', 'nodes:read')).toBe(false);
  });
});

describe('companyOf', () => {
  it('never leaves the companies that somebody is at home in', () => {
    expect(companyOf(viewer, 'b')).toBe('b');
    expect(companyOf(viewer, undefined)).toBe('a');
    expect(companyOf({ ...viewer, companies: [] }, undefined)).toBeUndefined();
    expect(companyOf(operator, 'z')).toBe('z');
    expect(companyOf(operator, undefined)).toBeUndefined();
  });

  it('puts no company in the place of another one', () => {
    expect(companyOf(viewer, 'z')).toBeUndefined();
  });
});

describe('permissionsOf', () => {
  it('offers a key what its role has, and never what operators alone have', () => {
    expect(permissionsOf('viewer')).toEqual(['inventory:read', 'inventory:export']);
    expect(permissionsOf('analyst')).toContain('findings:triage');
    expect(permissionsOf('analyst')).not.toContain('users:manage');
    expect(permissionsOf('admin')).toEqual(expect.arrayContaining(permissionsOf('analyst')));
    for (const role of ['viewer', 'analyst', 'admin', 'operator'] as const) {
      for (const one of ['jobs:manage', 'companies:manage', 'operators:manage', 'nodes:read'] as const) {
        expect(permissionsOf(role)).not.toContain(one);
      }
    }
  });
});
