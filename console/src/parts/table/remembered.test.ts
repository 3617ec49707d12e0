import { describe, expect, it } from 'vitest';

import { rememberColumns, rememberedColumns } from './remembered';

function made() {
  const all = new Map<string, string>();
  const kept = {
    getItem: (name: string) => all.get(name) ?? null,
    setItem: (name: string, value: string) => void all.set(name, value),
    removeItem: (name: string) => void all.delete(name),
  };
  return () => kept;
}

describe('columns that are hidden', () => {
  it('are remembered for a person and a list', () => {
    const kept = made();
    rememberColumns(kept, 'ann', 'Hosts', 'os,agent');
    expect(rememberedColumns(kept, 'ann', 'Hosts')).toBe('os,agent');
    expect(rememberedColumns(kept, 'ben', 'Hosts')).toBeUndefined();
    expect(rememberedColumns(kept, 'ann', 'Findings')).toBeUndefined();
    rememberColumns(kept, 'ann', 'Hosts', undefined);
    expect(rememberedColumns(kept, 'ann', 'Hosts')).toBeUndefined();
  });

  it('are all shown where a browser keeps nothing', () => {
    const kept = () => {
      throw new Error('refused');
    };
    rememberColumns(kept, 'ann', 'Hosts', 'os');
    expect(rememberedColumns(kept, 'ann', 'Hosts')).toBeUndefined();
  });
});
