import { Alert, Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';

import type { Schemas } from '../../api/client';
import { ApiError, unwrap } from '../../api/problem';
import { useRead } from '../../api/read';
import { useSession } from '../../api/session';
import { useNews } from '../../live/Live';
import { text } from '../../text/text';
import { type Decision, exceptionOf, useDecision } from './decision';
import { DecisionFields } from './DecisionFields';
import type { Finding } from './finding';
import { inTurn, type Outcome, type Pair, pairsOf, RequestKeys } from './several';

interface AcceptSeveralProps {
  /** The findings that are picked; none while it is closed. */
  findings: readonly Finding[] | undefined;
  /** Told which rows were accepted, whatever became of the others. */
  decided: (rows: readonly string[]) => void;
  close: () => void;
}

/** Accepts several findings with one reason and one end: an exception for each CVE of each software. */
export function AcceptSeveral({ findings, decided, close }: AcceptSeveralProps) {
  return (
    <Modal
      opened={findings !== undefined}
      onClose={close}
      size="lg"
      title={text.accept.severalTitle}
      closeButtonProps={{ 'aria-label': text.common.close }}
    >
      {findings && <Form findings={findings} decided={decided} close={close} />}
    </Modal>
  );
}

type Changed = Schemas['ExceptionChanged'];
type Came<T> = ReadonlyMap<string, Outcome<T>>;

/** What each pair would leave out, as far as it was asked by now. */
function usePreviews(pairs: readonly Pair[]): Came<Schemas['ExceptionImpact']> {
  const { me, company, api } = useSession();
  const queries = useQueryClient();
  const [previews, setPreviews] = useState<Came<Schemas['ExceptionImpact']>>(new Map());
  useEffect(() => {
    const stop = new AbortController();
    const ask = ({ rule }: Pair) =>
      queries.fetchQuery({
        queryKey: [me.id, company, 'exceptions', 'preview', rule],
        queryFn: () => unwrap(api.POST('/api/v1/exceptions/preview', { body: rule })),
      });
    const tell = ({ id }: Pair, outcome: Outcome<Schemas['ExceptionImpact']>) => {
      if (!stop.signal.aborted) setPreviews((old) => new Map(old).set(id, outcome));
    };
    void inTurn(pairs, ask, tell, stop.signal);
    return () => stop.abort();
  }, [pairs, queries, api, me.id, company]);
  return previews;
}

function Form({ findings, decided, close }: AcceptSeveralProps & { findings: readonly Finding[] }) {
  const { me, company, api } = useSession();
  const queries = useQueryClient();
  const news = useNews();
  const form = useDecision();
  // What was picked when it was opened is what it is about, whatever the list becomes below it.
  const [pairs] = useState(() => pairsOf(findings));
  const [keys] = useState(() => new RequestKeys());
  const [came, setCame] = useState<Came<Changed>>(new Map());
  const [isRunning, setRunning] = useState(false);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const previews = usePreviews(pairs);
  const settings = useRead(['exceptions', 'settings'], (reads) => reads.GET('/api/v1/exceptions/settings'));
  const isApproved = settings.data?.approval_needed === true;
  const isMade = ({ id }: Pair) => isValue(came.get(id));
  const failed = pairs.filter(({ id }) => came.has(id) && !isValue(came.get(id)));

  async function run(decision: Decision) {
    const left = pairs.filter((pair) => !isMade(pair));
    const all = new Map([...came].filter(([, outcome]) => 'value' in outcome));
    const running = new AbortController();
    stop.current = running;
    setRunning(true);
    setCame(new Map(all));
    news?.expect();
    const ask = ({ rule }: Pair) => {
      const body = exceptionOf(rule, decision);
      const header = { 'Idempotency-Key': keys.of(body) };
      return unwrap(api.POST('/api/v1/exceptions', { params: { header }, body }));
    };
    const tell = (pair: Pair, outcome: Outcome<Changed>) => {
      all.set(pair.id, outcome);
      setCame(new Map(all));
      // A field that is wrong is wrong for every one of them.
      const error = 'error' in outcome ? outcome.error : undefined;
      if (error instanceof ApiError && isOfForm(error)) {
        form.setErrors(error.fields);
        running.abort();
      }
      if (error instanceof ApiError && error.status === 401) running.abort();
    };
    await inTurn(left, ask, tell, running.signal);
    setRunning(false);
    const made = left.filter(({ id }) => isValue(all.get(id)));
    news?.expect();
    void queries.invalidateQueries({ queryKey: [me.id, company] });
    if (made.length > 0) {
      notifications.show({ message: text.accept.severalMade(made.length, isApproved), color: 'teal' });
      decided(made.flatMap(({ rows }) => rows));
    }
    if (pairs.every(({ id }) => isValue(all.get(id)))) close();
  }

  return (
    <form onSubmit={form.onSubmit((values) => void run(values))}>
      <Stack>
        <Text size="sm">{text.accept.severalDetail(pairs.length)}</Text>
        <DecisionFields form={form} />
        <List size="sm" aria-label={text.accept.preview}>
          {pairs.map((pair) => (
            <List.Item key={pair.id}>
              {text.accept.reachVersion(pair.cve, pair.software)}
              {': '}
              <State made={came.get(pair.id)} preview={previews.get(pair.id)} />
            </List.Item>
          ))}
        </List>
        {failed.length > 0 && !isRunning && (
          <Alert color="red" variant="outline" role="alert">
            {text.accept.severalFailed(failed.length)}
          </Alert>
        )}
        {isApproved && <Text size="sm">{text.accept.approvalNeeded}</Text>}
        <Text size="sm" role="status">
          {(isRunning || came.size > 0) && text.accept.severalAt(came.size, pairs.length)}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={isRunning ? () => stop.current?.abort() : close}>
            {isRunning ? text.accept.stop : text.common.close}
          </Button>
          <Button type="submit" loading={isRunning}>
            {failed.length > 0 ? text.common.retry : isApproved ? text.accept.ask : text.accept.submit}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

const isValue = (outcome: Outcome<unknown> | undefined) => outcome !== undefined && 'value' in outcome;

/** Whether an error is of a field that is typed here once for all. */
const isOfForm = ({ fields }: ApiError) =>
  ['status', 'justification', 'note', 'expires_at'].some((name) => name in fields);

interface StateProps {
  made: Outcome<Changed> | undefined;
  preview: Outcome<Schemas['ExceptionImpact']> | undefined;
}

/** How one of them stands: made, failed, or what it would leave out. */
function State({ made, preview }: StateProps) {
  if (made) {
    if ('error' in made) {
      return (
        <Text span inherit c="red">
          {made.error.message}
        </Text>
      );
    }
    return (
      <>
        {made.value.state === 'requested' ? text.accept.requested : text.accept.made(made.value.suppressed)}
      </>
    );
  }
  if (!preview) return <>{text.accept.previewing}</>;
  if ('error' in preview) return <>{preview.error.message}</>;
  const { findings, software, hosts } = preview.value;
  return <>{text.accept.impact(findings.open, software, hosts)}</>;
}
