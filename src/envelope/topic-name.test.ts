import { expect, test } from 'vitest';
import { schemasTopicOf, topicOf } from './topic-name.ts';

test.each([
  ['shop', 'public', 'orders', 'shop.public.orders'],
  ['shop', 'Public', 'Order-Items_2', 'shop.Public.Order-Items_2'],
  ['shop', 'public', 'a b', 'shop.public.a_x20b'],
  ['shop', 'public', 'größe', 'shop.public.gr_xC3_xB6_xC3_x9Fe'],
  ['shop', 'public', '😀', 'shop.public._xF0_x9F_x98_x80'],
  ['shop', 'public', '"/\\', 'shop.public._x22_x2F_x5C'],
])('%s %s %s', (source, schema, table, topic) => {
  expect(topicOf(source, schema, table)).toBe(topic);
});

test('names over 249 characters are cut and stay apart', () => {
  const at = topicOf('shop', 'public', 'a'.repeat(249 - 'shop.public.'.length));
  expect(at).toHaveLength(249);
  expect(at).toMatch(/^shop\.public\.a+$/);
  const [one, two] = ['a', 'b'].map((last) => topicOf('shop', 'public', 'ä'.repeat(63) + last));
  for (const topic of [one!, two!]) {
    expect(topic).toHaveLength(249);
    expect(topic).toMatch(/^shop\.public\.[A-Za-z0-9._-]+-[0-9a-f]{16}$/);
  }
  expect(one).not.toBe(two);
});

test('the topic of schemas', () => {
  expect(schemasTopicOf('shop')).toBe('shop.__schemas');
});
