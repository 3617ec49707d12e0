import type { Schemas } from '../../api/client';
import type { Finding } from './finding';
import { findingId } from './finding';

/** So many findings may be accepted at once: each is a request of its own. */
export const MANY = 100;

/** What one exception is made for: a CVE in a version of software, and the findings that say so. */
export interface Pair {
  /** What tells it from the other pairs. */
  id: string;
  cve: string;
  /** The software with its version, for who reads it. */
  software: string;
  rule: Schemas['ExceptionRuleBody'];
  /** The rows that it takes from the list. */
  rows: readonly string[];
}

/** The pairs of some findings, in their order and each once: several sources may say the same of one. */
export function pairsOf(findings: readonly Finding[]): Pair[] {
  const pairs = new Map<string, Pair & { rows: string[] }>();
  for (const finding of findings) {
    const { name: product, source, version } = finding.software;
    const id = `${finding.cve.id}~${finding.software.id}`;
    const pair = pairs.get(id) ?? {
      id,
      cve: finding.cve.id,
      software: `${product} ${version}`,
      rule: { cve: finding.cve.id, product, source, version },
      rows: [],
    };
    pair.rows.push(findingId(finding));
    pairs.set(id, pair);
  }
  return [...pairs.values()];
}

/** The picked rows with one more, or one less where it was picked. */
export function toggled(picked: ReadonlySet<string>, row: string): ReadonlySet<string> {
  const next = new Set(picked);
  if (!next.delete(row)) next.add(row);
  return next;
}

/** How one of several came out. */
export type Outcome<T> = { value: T } | { error: Error };

/**
 * Does something for each of several, one after another, and says of each how it came out: what fails keeps nothing else
 * from being done. Once it is told to stop it begins no further one.
 */
export async function inTurn<I, T>(
  items: readonly I[],
  act: (item: I) => Promise<T>,
  tell: (item: I, outcome: Outcome<T>) => void,
  signal: AbortSignal,
): Promise<void> {
  for (const item of items) {
    if (signal.aborted) return;
    let outcome: Outcome<T>;
    try {
      outcome = { value: await act(item) };
    } catch (error) {
      outcome = { error: error instanceof Error ? error : new Error(String(error)) };
    }
    tell(item, outcome);
  }
}

/**
 * The words by which the server knows a request that comes once more: the same as long as the body is the same, so that
 * what was done before its answer was lost is not done again.
 */
export class RequestKeys {
  readonly #keys = new Map<string, string>();

  of(body: unknown): string {
    const said = JSON.stringify(body);
    const key = this.#keys.get(said) ?? fresh();
    this.#keys.set(said, key);
    return key;
  }
}

/** A word that nobody else has. Pages that came without TLS have no `randomUUID`. */
const fresh = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );
