/** The language that dates and numbers are written in: the page's. */
const LANGUAGE = 'en-GB';

const whole = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'short' });
const exact = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'long' });
const clock = new Intl.DateTimeFormat(LANGUAGE, { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium' });
const distance = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: 'auto' });

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** An instant as a person reads it, in the time zone of the browser. */
export const asInstant = (at: string | number | Date): string => whole.format(new Date(at));

/** The same to the second, with the zone's name. */
export const asExact = (at: string | number | Date): string => exact.format(new Date(at));

/** The time of a day, to the second, with the day where it is another one than now. */
export function asClock(at: string | number | Date, now: number): string {
  const then = new Date(at);
  const isToday = then.toDateString() === new Date(now).toDateString();
  return isToday ? clock.format(then) : `${day.format(then)}, ${clock.format(then)}`;
}

/** A day; dates without a time are the same day everywhere. */
export const asDay = (at: string): string =>
  /^\d{4}-\d\d-\d\d$/.test(at) ? day.format(new Date(`${at}T00:00:00`)) : day.format(new Date(at));

/** How long ago something was, or how long it is until then. */
export function asDistance(at: string | number | Date, now: number): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return distance.format(Math.trunc(seconds / length), unit);
  }
  return distance.format(Math.trunc(seconds), 'second');
}

/** A length of time, as `1 h 30 min`. */
export function asSpan(seconds: number): string {
  const parts: string[] = [];
  let left = Math.round(seconds);
  for (const [name, length] of [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ] as const) {
    const times = Math.floor(left / length);
    if (times > 0) parts.push(`${times} ${name}`);
    left -= times * length;
  }
  return parts.slice(0, 2).join(' ') || '0 s';
}

/** What `<input type="datetime-local">` takes, in local time. */
export function toLocalInput(at: string | undefined): string {
  if (at === undefined) return '';
  const date = new Date(at);
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/**
 * The instant that such an input says; nothing when it is empty, and only then: to forms that is another answer. What
 * cannot be read, such as a year of five digits, is given as it is, for the server to refuse.
 */
export function fromLocalInput(value: string): string | undefined {
  if (value === '') return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? value : date.toISOString().replace('.000Z', 'Z');
}

/** Whether the year of such an input has all of its digits: while it is typed, it begins with zeros. */
export const isYearWhole = (value: string): boolean => /^[1-9]\d{3}-/.test(value);
