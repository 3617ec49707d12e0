import { describe, expect, it } from 'vitest';

import { qrPath } from './qr';

describe('qrPath', () => {
  it('leaves a quiet zone of four squares, and has the mark of a corner behind it', () => {
    const { path, size } = qrPath(
      'otpauth://totp/Muster:ann%40example.org?secret=ABCDEFGHIJKLMNOP&issuer=Muster',
    );
    const at = [...path.matchAll(/M(\d+) (\d+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
    for (const place of at.flat()) {
      expect(place).toBeGreaterThanOrEqual(4);
      expect(place).toBeLessThan(size - 4);
    }
    // The upper line of the first corner's mark: seven dark squares, then a light one.
    const line = at.filter(([x = 0, y]) => y === 4 && x < 12).map(([x]) => x);
    expect(line).toEqual([4, 5, 6, 7, 8, 9, 10]);
  });
});
