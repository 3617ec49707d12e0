import { describe, expect, it } from 'vitest';

import type { Schemas } from '../../api/client';
import { bodyOf } from './words';

describe('bodyOf', () => {
  it('keeps what an exception says, but for its end and its reason', () => {
    const of = {
      id: 'e',
      name: 'tonight',
      rule: { cve: 'CVE-2024-1', product: 'runc', source: 'deb', host: 'h' },
      status: 'affected',
      note: 'before',
      action: 'is replaced',
      suppress: true,
      expires_at: '2026-01-01T00:00:00Z',
    } as unknown as Schemas['Exception'];
    const body = bodyOf(of, { note: 'after', expires_at: '2026-02-01T00:00:00Z' });
    expect(body).toMatchObject({
      name: 'tonight',
      rule: { cve: 'CVE-2024-1', product: 'runc', source: 'deb', host: 'h' },
      status: 'affected',
      action: 'is replaced',
      suppress: true,
      note: 'after',
      expires_at: '2026-02-01T00:00:00Z',
    });
    expect(body).not.toHaveProperty('id');
  });
});
