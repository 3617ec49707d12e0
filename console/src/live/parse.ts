/** A message of a stream of server-sent events. */
export interface Message {
  /** The last id that was said, with this message or before it. */
  id: string | undefined;
  event: string;
  data: string;
}

/** Characters of a line or a message: no event of ours is a tenth of it. */
const LENGTH_MAX = 1_000_000;

/**
 * Reads a stream of server-sent events (WHATWG HTML 9.2.6), piece by piece as it comes. A message is given when
 * its empty line is there; what the stream is cut off in the middle of never is.
 */
export class Parser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id: string | undefined;
  /** The last id that was said, with a message or without one: the beginning of a stream has one, and tells nothing. */
  last: string | undefined;
  /** How many milliseconds the server wants to be left alone after the stream ends, once it has said so. */
  retry: number | undefined;

  /** The messages that are whole with this piece. Throws when something is longer than any of ours can be. */
  push(piece: string): Message[] {
    const messages: Message[] = [];
    this.#rest += piece;
    // A carriage return at the end may be half of a line's end.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = this.#line(line);
      if (message) messages.push(message);
    }
    const held = this.#data.reduce((sum, line) => sum + line.length, this.#rest.length);
    if (held > LENGTH_MAX) throw new Error('a message is too long');
    return messages;
  }

  #line(line: string): Message | undefined {
    if (line === '') return this.#end();
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment, which only says that the stream lives.
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    return undefined;
  }

  #end(): Message | undefined {
    const [event, data] = [this.#event || 'message', this.#data];
    this.#event = '';
    this.#data = [];
    this.last = this.#id;
    return data.length === 0 ? undefined : { id: this.#id, event, data: data.join('\n') };
  }
}
