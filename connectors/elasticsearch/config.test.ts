import { expect, test } from 'vitest';
import { column, row } from '../../test/support/changes.ts';
import { documentId, memoryId } from './document-id.ts';
import { sink } from './index.ts';
import { mappingOf, takes } from './values.ts';

const url = 'https://user:pass@host:9200';

test('odd addresses, index names and unknown keys are refused', () => {
  for (const bad of ['localhost:9200', 'redis://x', 'http://x?y=z', '']) {
    expect(sink.config.safeParse({ url: bad, index: 'x' }).success, bad).toBe(false);
  }
  for (const [index, message] of [
    ['Shop', 'lower case'],
    ['a b', 'a space'],
    ['_x', 'start with _'],
    ['x{id}', 'placeholders'],
    ['x'.repeat(256), 'longer'],
  ] as const) {
    const issues = sink.config.safeParse({ url, index }).error?.issues;
    expect(issues).toMatchObject([{ path: ['index'], message: expect.stringContaining(message) }]);
  }
  expect(sink.config.safeParse({ url, indx: 'x' }).success).toBe(false);
  expect(sink.config.safeParse({ url, api_key: 'x' }).error?.issues).toMatchObject([{ path: ['api_key'] }]);
  expect(sink.config.parse({ url: 'https://host', api_key: 'x' })).toMatchObject({ index: '{table}' });
});

test('different keys have different ids', () => {
  const columns = [column('a', 'text', 'text', { key: 1 }), column('b', 'text', 'text', { key: 2 })];
  const one = (text: string) => documentId(row(columns, [text]), [0]);
  expect(['x', '', '"', '""', '"x"', 'a:b%'].map(one)).toEqual(['x', '""', '"\\""', '"\\"\\""', '"\\"x\\""', 'a:b%']);
  const two = ([a, b]: readonly [string, string]) => documentId(row(columns, [a, b]), [0, 1]);
  const pairs = [
    ['x', 'y:z'],
    ['x:y', 'z'],
    ['x%3Ay', 'z'],
    ['', ''],
    ['"', '/'],
  ] as const;
  expect(pairs.map(two)).toEqual(['x:y%3Az', 'x%3Ay:z', 'x%253Ay:z', ':', '":/']);
  expect(() => one('x'.repeat(513))).toThrow(expect.objectContaining({ code: 'sink.rejected' }));
  expect(() => one('ü'.repeat(257))).toThrow(expect.objectContaining({ code: 'sink.rejected' }));
  expect(memoryId('a', 'b')).not.toBe(memoryId('ab', ''));
});

test('a field that we did not map is used when it takes what the column holds', () => {
  const taken = [
    ['keyword', 'integer'],
    ['text', 'keyword'],
    ['long', 'integer'],
    ['double', 'integer'],
    ['scaled_float', 'double'],
    ['flattened', 'object'],
    ['date_nanos', 'date'],
    ['ip', 'keyword'],
  ] as const;
  for (const [present, wanted] of taken) expect(takes(present, wanted), `${present} ${wanted}`).toBe(true);
  const refused = [
    ['integer', 'text'],
    ['integer', 'long'],
    ['long', 'double'],
    ['date', 'keyword'],
    ['boolean', 'keyword'],
    ['keyword', 'object'],
    ['object', 'keyword'],
    ['binary', 'text'],
  ] as const;
  for (const [present, wanted] of refused) expect(takes(present, wanted), `${present} ${wanted}`).toBe(false);
  expect(mappingOf(column('x', 'array', 'numeric[]', { element: 'decimal' }))).toMatchObject({ type: 'double' });
  expect(mappingOf(column('x', 'array', 'x[]'))).toMatchObject({ type: 'keyword' });
});
