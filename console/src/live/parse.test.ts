import { describe, expect, it } from 'vitest';

import { Parser } from './parse';

describe('a stream of events', () => {
  it('gives a message when it is whole, however it is cut', () => {
    const parser = new Parser();
    const pieces = [
      'retry: 3000\n\nid: 7-',
      '1\nevent: finding.',
      'opened\nda',
      'ta: {"a":1}\n',
      '\n: still here\n\n',
    ];
    const messages = pieces.flatMap((piece) => parser.push(piece));
    expect(messages).toEqual([{ id: '7-1', event: 'finding.opened', data: '{"a":1}' }]);
    expect(parser.retry).toBe(3000);
  });

  it('keeps the last id for messages without one', () => {
    const parser = new Parser();
    parser.push('id: 7-1\ndata: a\n\n');
    expect(parser.push('event: gap\ndata: {}\n\n')).toEqual([{ id: '7-1', event: 'gap', data: '{}' }]);
  });

  it('says the last id once its block is whole, also where there is no message', () => {
    const parser = new Parser();
    expect(parser.push('retry: 3000\nid: 7-0\n')).toEqual([]);
    expect(parser.last).toBeUndefined();
    expect(parser.push('\n')).toEqual([]);
    expect(parser.last).toBe('7-0');
  });

  it('knows all ends of lines, and one that is cut in two', () => {
    const parser = new Parser();
    expect(parser.push('data: a\r')).toEqual([]);
    expect(parser.push('\ndata: b\r\n\r')).toEqual([]);
    expect(parser.push('\ndata: c\r\rdata')).toEqual([
      { id: undefined, event: 'message', data: 'a\nb' },
      { id: undefined, event: 'message', data: 'c' },
    ]);
  });

  it('gives nothing for a message that is cut off', () => {
    expect(new Parser().push('event: finding.opened\ndata: {"a":1}\n')).toEqual([]);
  });

  it('takes nothing that has no end', () => {
    const parser = new Parser();
    const push = () => parser.push('data: ' + 'x'.repeat(600_000) + '\n');
    push();
    expect(push).toThrow('too long');
  });
});
