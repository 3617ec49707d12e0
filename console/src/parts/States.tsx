import { Alert, Button, Center, Code, Group, Loader, Skeleton, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

import type { ApiError } from '../api/problem';
import type { Read } from '../api/read';
import { asClock } from '../format/time';
import { text } from '../text/text';
import { useNow } from './now';

interface NoticeProps {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

/** What stands where there is nothing to show: what that means, and what to do next. */
export function Notice({ title, children, action }: NoticeProps) {
  return (
    <Center py="xl" px="md">
      <Stack gap="xs" align="center" maw={480}>
        <Title order={2} size="h4" ta="center">
          {title}
        </Title>
        {children !== undefined && (
          <Text component="div" c="dimmed" ta="center">
            {children}
          </Text>
        )}
        {action}
      </Stack>
    </Center>
  );
}

/** Said to who may not see something, and who can change that. */
export function NoPermission({ detail }: { detail?: string }) {
  return <Notice title={text.state.noPermission}>{detail ?? text.state.noPermissionDetail}</Notice>;
}

/** Said where there is no such thing, or it is another company's. */
export function NotFound({ onward }: { onward?: ReactNode }) {
  return (
    <Notice title={text.state.notFound} action={onward}>
      {text.state.notFoundDetail}
    </Notice>
  );
}

interface FailureProps {
  error: ApiError;
  retry?: () => void;
  /** Where to go on when there is no such thing: the list of what there is. */
  onward?: ReactNode;
}

/** What went wrong, in the server's own words, with the id that its log knows the request by. */
export function Failure({ error, retry, onward }: FailureProps) {
  if (error.status === 403) return <NoPermission detail={error.message} />;
  if (error.status === 404) return <NotFound onward={onward} />;
  const isAway = error.status === 0 || error.status === 503;
  return (
    <Alert color="red" variant="outline" title={isAway ? text.state.away : text.state.failed} my="md">
      <Stack gap="xs" align="flex-start">
        <Text>{error.status === 0 ? text.state.awayDetail : error.message}</Text>
        {error.requestId !== undefined && (
          <Text size="sm">
            {text.state.request} <Code>{error.requestId}</Code>
          </Text>
        )}
        {retry && (
          <Button variant="default" size="xs" onClick={retry}>
            {text.common.retry}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** A place held for what is on its way. */
export function Loading({ lines = 6 }: { lines?: number }) {
  return (
    <Stack gap="sm" py="sm" role="status" aria-label={text.state.loading}>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} height={20} radius="sm" />
      ))}
    </Stack>
  );
}

interface ReadViewProps<T> {
  read: Read<T>;
  lines?: number;
  children: (data: T) => ReactNode;
}

/** What was read, or why it is not there. Data that a later request could not renew stays, and says so. */
export function ReadView<T>({ read, lines, children }: ReadViewProps<T>) {
  const retry = () => void read.refetch();
  if (read.data === undefined) {
    return read.error ? <Failure error={read.error} retry={retry} /> : <Loading lines={lines} />;
  }
  return (
    <>
      {read.error && <Failure error={read.error} retry={retry} />}
      {children(read.data)}
    </>
  );
}

interface ReadAtProps {
  /** What was read; of several things the oldest counts, and all are read again. */
  read: Read<unknown> | readonly Read<unknown>[];
  /** The instant that is looked at, where it is not the present. */
  asOf?: string;
  /** Of when large numbers are, where they are older than what was read. */
  countedAt?: string | null;
}

/** Of when what is shown is, and a way to have it again. */
export function ReadAt({ read, asOf, countedAt }: ReadAtProps) {
  const now = useNow();
  const reads = 'refetch' in read ? [read] : read;
  const there = reads.map((one) => one.dataUpdatedAt).filter((at) => at > 0);
  if (there.length === 0) return null;
  const renew = () => {
    for (const one of reads) void one.refetch();
  };
  return (
    <Group gap={6} wrap="nowrap">
      {reads.some((one) => one.isFetching) && <Loader size={14} aria-label={text.state.loading} />}
      <Text size="sm" c="dimmed">
        {asOf === undefined ? text.common.readAt(asClock(Math.min(...there), now)) : text.common.asOfAt(asOf)}
        {countedAt != null && `, ${text.common.countedAt(asClock(countedAt, now))}`}
      </Text>
      <Button variant="subtle" size="compact-sm" onClick={renew}>
        {text.common.refresh}
      </Button>
    </Group>
  );
}
