/** The data of one event of a stream. */
function dataOf(block: string): string | undefined {
  const lines = block.split('\n').filter((line) => line.startsWith('data:'));
  return lines.length === 0 ? undefined : lines.map((line) => line.slice(5).trimStart()).join('\n');
}

/**
 * Takes whole events out of what came so far, and gives the rest back. An event ends with an empty line; what has
 * no data is a comment, which only says that somebody is still there.
 */
export function eventsOf(text: string): { events: string[]; rest: string } {
  const blocks = text.split('\n\n');
  const rest = blocks.pop() ?? '';
  return { events: blocks.flatMap((block) => dataOf(block) ?? []), rest };
}

/**
 * Reads a stream of events until it ends. `EventSource` cannot say in which company it asks, which operators have
 * to; so this is a request like any other.
 */
export async function follow(
  path: string,
  company: string | undefined,
  signal: AbortSignal,
  take: (event: unknown) => void,
): Promise<void> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  if (company !== undefined) headers['Muster-Company'] = company;
  const response = await fetch(path, { headers, signal });
  if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let waiting = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const { events, rest } = eventsOf(waiting + decoder.decode(value, { stream: true }));
    waiting = rest;
    for (const event of events) take(JSON.parse(event));
  }
}
