import type { Schemas } from '../../api/client';
import { text } from '../../text/text';

type Import = Schemas['Import'];

/** Whether nothing happens to an import any more. */
export const isOver = (one: Pick<Import, 'state'>): boolean =>
  one.state !== 'queued' && one.state !== 'running';

/** How often imports are asked for that go on. */
const GOING_ON_MS = 3_000;

/** How often to ask for imports again: not at all once nothing happens to any of them. */
export const whileGoingOn = (all: readonly Pick<Import, 'state'>[] | undefined): number | false =>
  all?.some((one) => !isOver(one)) === true ? GOING_ON_MS : false;

const COLOURS: Record<Import['state'], string> = {
  queued: '',
  running: 'severity-medium',
  done: 'severity-low',
  failed: 'severity-critical',
  cancelled: '',
};

/** How an import stands, in a word. */
export function State({ of }: { of: Import }) {
  return <span className={`severity ${COLOURS[of.state]}`}>{text.imports.states[of.state]}</span>;
}
