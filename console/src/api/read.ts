import { notifications } from '@mantine/notifications';
import {
  useMutation,
  type UseMutationResult,
  useQuery,
  useQueryClient,
  type UseQueryResult,
} from '@tanstack/react-query';

import { useNews } from '../live/Live';
import { text } from '../text/text';
import { askedAt, noted } from './asked';
import type { Api } from './client';
import { isSameList } from './keys';
import { type Answer, ApiError, unwrap } from './problem';
import { useSession } from './session';

/** Something that was read, or is being read. */
export type Read<T> = UseQueryResult<T, ApiError>;

/** The same of what is said when it is old. */
export type Asked<T> = Read<T> & {
  /** When what is there began to be asked for, in milliseconds; 0 while nothing is there. */
  readonly askedAt: number;
};

interface ReadOptions<T> {
  /** Asked again so often, in milliseconds; by what is there, where it depends on that. */
  every?: number | false | ((data: T | undefined) => number | false);
  /** Whether it is asked at all. */
  enabled?: boolean;
  /** Whether it is left as it is when the window is looked at again: the page says when it is old. */
  still?: boolean;
}

/**
 * Reads something of the company that is looked at. Who asks and the company are part of the key, so that
 * nothing of one is ever shown for another.
 */
export function useRead<T>(
  key: readonly unknown[],
  ask: (api: Api, signal: AbortSignal) => Promise<Answer<T>>,
  options: ReadOptions<T> = {},
): Asked<T> {
  const { me, company, api } = useSession();
  const queryKey = [me.id, company, ...key];
  const { every = false } = options;
  const queries = useQueryClient();
  const read = useQuery<T, ApiError>({
    queryKey,
    queryFn: (of) => noted(of, (signal) => unwrap(ask(api, signal))),
    placeholderData: (previous, of) => (isSameList(queryKey, of?.queryKey) ? previous : undefined),
    refetchInterval: typeof every === 'function' ? (query) => every(query.state.data) : every,
    enabled: options.enabled ?? true,
    refetchOnWindowFocus: options.still !== true,
    refetchOnReconnect: options.still !== true,
  });
  // What is looked at of a read is what it is drawn again for: beside it, and not a copy of it.
  return Object.create(read, {
    askedAt: { get: () => (read.dataUpdatedAt === 0 ? 0 : askedAt(queries, queryKey)) },
  }) as Asked<T>;
}

interface WriteOptions<T, V> {
  /** What is said when it is done. */
  done?: string | ((answer: T, input: V) => string);
  onDone?: (answer: T, input: V) => void;
  /** Whether the form says itself what is wrong. */
  quiet?: boolean;
}

/**
 * Changes something. What was read of the company is asked again afterwards: a change reaches further than
 * any list of what it touches would say.
 */
export function useWrite<T, V = void>(
  ask: (api: Api, input: V) => Promise<Answer<T>>,
  options: WriteOptions<T, V> = {},
): UseMutationResult<T, ApiError, V> {
  const { me, company, api } = useSession();
  const queries = useQueryClient();
  const news = useNews();
  return useMutation<T, ApiError, V>({
    mutationFn: (input) => unwrap(ask(api, input)),
    onSuccess: (answer, input) => {
      news?.expect();
      void queries.invalidateQueries({ queryKey: [me.id, company] });
      const { done } = options;
      if (done !== undefined) {
        const message = typeof done === 'function' ? done(answer, input) : done;
        notifications.show({ message, color: 'teal' });
      }
      options.onDone?.(answer, input);
    },
    onError: (error) => {
      if (options.quiet !== true) {
        notifications.show({
          title: text.error.title,
          message: error.message,
          color: 'red',
          autoClose: 10_000,
        });
      }
    },
  });
}
