import type { Schemas } from '../../api/client';
import { text } from '../../text/text';

type Import = Schemas['Import'];

/** Whether nothing happens to an import any more. */
export const isOver = (one: Import): boolean => one.state !== 'queued' && one.state !== 'running';

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
