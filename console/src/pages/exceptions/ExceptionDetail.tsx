import { Button, Group, Stack, Title } from '@mantine/core';

import { useRead, useWrite } from '../../api/read';
import { useSession } from '../../api/session';
import { asNumber } from '../../format/number';
import { Actor } from '../../parts/Actor';
import { Go } from '../../parts/Go';
import { Confirm } from '../../parts/Confirm';
import { Facts } from '../../parts/Facts';
import { Moment } from '../../parts/Moment';
import { ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { State } from './ExceptionList';
import { PutOff } from './PutOff';
import { aboutOf } from './words';

interface ExceptionDetailProps {
  id: string;
  /** Looks at what came in its place. */
  onReplaced: (id: string) => void;
}

/** One exception, and what may be done with it. */
export function ExceptionDetail({ id, onReplaced }: ExceptionDetailProps) {
  const { me, may } = useSession();
  const path = { params: { path: { exception: id } } };
  const read = useRead(['exception', id], (api) => api.GET('/api/v1/exceptions/{exception}', path));
  const told = {
    done: (answer: { suppressed: number; reopened: number }) =>
      text.exception.settled(answer.suppressed, answer.reopened),
  };
  const approve = useWrite((api) => api.POST('/api/v1/exceptions/{exception}/approve', path), told);
  const reject = useWrite((api) => api.POST('/api/v1/exceptions/{exception}/reject', path), told);
  const withdraw = useWrite((api) => api.POST('/api/v1/exceptions/{exception}/withdraw', path), told);
  const statuses: Record<string, string> = text.exception.statuses;
  const justifications: Record<string, string> = text.exception.justifications;
  return (
    <ReadView read={read}>
      {(one) => (
        <Stack>
          <Group justify="space-between">
            <State of={one.state} />
            <ReadAt read={read} />
          </Group>
          <Title order={2} size="h4">
            {aboutOf(one.rule)}
          </Title>
          <Facts
            of={[
              [text.exception.status, statuses[one.status] ?? one.status],
              [
                text.exception.justification,
                one.justification == null
                  ? undefined
                  : (justifications[one.justification] ?? one.justification),
              ],
              [text.exception.note, one.note],
              [text.exception.action, one.action],
              [text.exception.suppresses, one.suppress ? text.common.yes : text.common.no],
              [text.exception.findings, asNumber(one.findings)],
              [text.exception.expires, <Moment key="e" at={one.expires_at} as="instant" />],
              [text.common.created, <Moment key="c" at={one.created_at} as="instant" />],
              [text.exception.by, <Actor key="b" word={one.created_by} name={one.created_by_name} />],
              [
                text.exception.decided,
                one.decided_at == null ? undefined : <Moment key="d" at={one.decided_at} as="instant" />,
              ],
              [
                text.exception.decidedBy,
                one.decided_by && <Actor key="y" word={one.decided_by} name={one.decided_by_name} />,
              ],
              [
                text.exception.ended,
                one.ended_at == null ? undefined : <Moment key="n" at={one.ended_at} as="instant" />,
              ],
            ]}
          />
          <Group>
            <Go to="/findings" search={{ exception: one.id, state: 'any', on: 'any' }}>
              {text.exception.leftOut}
            </Go>
            {one.rule.host != null && (
              <Go to="/hosts/$host" params={{ host: one.rule.host }}>
                {text.host.host}
              </Go>
            )}
            {one.rule.label != null && (
              <Go to="/hosts" search={{ label: one.rule.label }}>
                {text.exception.labelHosts}
              </Go>
            )}
          </Group>
          <Group>
            {one.state === 'requested' && may('exceptions:approve') && one.created_by !== `user:${me.id}` && (
              <>
                <Button size="xs" onClick={() => approve.mutate()} loading={approve.isPending}>
                  {text.exception.approve}
                </Button>
                <Button
                  size="xs"
                  variant="default"
                  onClick={() => reject.mutate()}
                  loading={reject.isPending}
                >
                  {text.exception.reject}
                </Button>
              </>
            )}
            {one.state === 'active' && one.document == null && may('findings:triage') && (
              <PutOff id={one.id} onDone={onReplaced} />
            )}
            {(one.state === 'requested' || one.state === 'active') && may('findings:triage') && (
              <Confirm
                label={text.exception.withdraw}
                detail={text.exception.withdrawDetail}
                onConfirm={() => withdraw.mutate()}
              />
            )}
          </Group>
        </Stack>
      )}
    </ReadView>
  );
}
