import { expect, test } from 'vitest';

import { eventsOf } from './live';

test('events come whole, however their bytes are cut', () => {
  const first = eventsOf('retry: 3000\n\nid: 1\nevent: import\ndata: {"a"');
  expect(first).toEqual({ events: [], rest: 'id: 1\nevent: import\ndata: {"a"' });
  expect(eventsOf(`${first.rest}:1}\n\n: still here\n\n`)).toEqual({ events: ['{"a":1}'], rest: '' });
});

test('several events come in their order', () => {
  expect(eventsOf('data: 1\n\ndata: 2\n\ndata: 3').events).toEqual(['1', '2']);
});
