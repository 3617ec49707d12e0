const plain = new Intl.NumberFormat('en-GB');

/** A number with its thousands set apart. */
export const asNumber = (value: number): string => plain.format(value);

/** How many rows a list has, as far as is known: `12`, or `201+`. */
export function asTotal(total: { count: number; type: string }): string {
  return total.type === 'EXACT' ? asNumber(total.count) : `${asNumber(total.count)}+`;
}

/** A share of one, such as an EPSS score, in per cent. */
export const asShare = (value: number): string =>
  value > 0 && value < 0.001 ? '< 0.1 %' : `${(value * 100).toFixed(1)} %`;

/** Bytes, in powers of 1,024. */
export function asBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}
