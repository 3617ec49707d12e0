import { hashKey, type Query, type QueryClient, type QueryFunctionContext } from '@tanstack/react-query';

/** When what is there of a query began to be asked for. */
const begun = new WeakMap<Query, number>();

const queryOf = (client: QueryClient, key: readonly unknown[]) =>
  client.getQueryCache().get(hashKey(key)) as Query | undefined;

/** Asks for something, and keeps when that began once the answer is there. */
export async function noted<T>(
  of: QueryFunctionContext,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const at = Date.now();
  const answer = await ask(of.signal);
  const query = queryOf(of.client, of.queryKey);
  if (query !== undefined && !of.signal.aborted) begun.set(query, at);
  return answer;
}

/**
 * When what is there began to be asked for, in milliseconds by this machine's clock; 0 when nothing is there. The server
 * looked later than this, so that whatever it did not see happened later too: by when an answer *came* nothing can be told.
 */
export function askedAt(client: QueryClient, key: readonly unknown[]): number {
  const query = queryOf(client, key);
  if (query === undefined || query.state.dataUpdatedAt === 0) return 0;
  return begun.get(query) ?? query.state.dataUpdatedAt;
}
