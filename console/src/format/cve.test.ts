import { expect, test } from 'vitest';

import { asPublished, recordOf, typedId } from './cve';

test('an id is spelled as its publisher does', () => {
  expect(typedId('cve-2024-6387')).toBe('CVE-2024-6387');
  expect(typedId('GHSA-9WX4-H78V-VM56')).toBe('GHSA-9wx4-h78v-vm56');
  expect(typedId('ghsa-9wx4')).toBeUndefined();
  expect(typedId('openssl')).toBeUndefined();
  expect(asPublished('openSUSE-SU-2024:0001-1')).toBe('openSUSE-SU-2024:0001-1');
});

test('an advisory that is no CVE is read about where it is published', () => {
  expect(recordOf('CVE-2024-6387').href).toContain('cve.org');
  expect(recordOf('GHSA-9wx4-h78v-vm56').href).toBe('https://osv.dev/vulnerability/GHSA-9wx4-h78v-vm56');
});
