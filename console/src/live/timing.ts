/** How long a page that nobody sees keeps its stream: a browser has few connections for all of its tabs. */
export const UNSEEN_MS = 60_000;

/** What says whether somebody sees the page. */
type Seen = Pick<Document, 'visibilityState' | 'addEventListener' | 'removeEventListener'>;

/** Waits; ends at once when the signal says so. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(end, ms);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      done();
    }
    signal.addEventListener('abort', end);
  });
}

/** Does something while the page is seen, and lets go of it a while after it is not. */
export function whileSeen(page: Seen, begin: (signal: AbortSignal) => void): () => void {
  let running: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    running?.abort();
    running = undefined;
  };
  const look = () => {
    clearTimeout(timer);
    if (page.visibilityState === 'hidden') {
      timer = setTimeout(end, UNSEEN_MS);
    } else if (running === undefined) {
      running = new AbortController();
      begin(running.signal);
    }
  };
  look();
  page.addEventListener('visibilitychange', look);
  return () => {
    page.removeEventListener('visibilitychange', look);
    clearTimeout(timer);
    end();
  };
}

/** Does something once it has not been asked for it for a while. */
export function atRest(ms: number, run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
}

/** Does something at most once in a while, however often it is asked for it. */
export function spaced(ms: number, run: () => void): { now: () => void; end: () => void } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWanted = false;
  const now = () => {
    if (timer !== undefined) {
      isWanted = true;
      return;
    }
    isWanted = false;
    run();
    timer = setTimeout(() => {
      timer = undefined;
      if (isWanted) now();
    }, ms);
  };
  return { now, end: () => clearTimeout(timer) };
}
