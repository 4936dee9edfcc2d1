/** Where sinks say that they write, as lint compares it. */
import { expect, test } from 'vitest';
import { connectors } from './index.ts';

async function targets(type: string, settings: object, tables: readonly string[]): Promise<readonly string[]> {
  const { sink } = await connectors[type]!();
  return sink!.targets!(sink!.config.parse(settings), tables);
}

const PAIR = ['public.items', 'sales.items'];

test.each([
  ['postgres', { url: 'postgres://h/d' }, true],
  ['postgres', { url: 'postgres://h/d', schema: 'copy' }, false],
  ['postgres', { url: 'postgres://h/d', schema: 'copy', table: '{schema}_{table}' }, true],
  ['mysql', { url: 'mysql://h/d' }, false],
  ['mysql', { url: 'mysql://h/d', table: '{schema}_{table}' }, true],
  ['sqlite', { path: '/x.db' }, false],
  ['file', { path: '/x.jsonl' }, false],
  ['file', { path: '/{table}.jsonl' }, false],
  ['file', { path: '/{schema}-{table}.jsonl' }, true],
  ['elasticsearch', { url: 'http://h:9200' }, false],
  ['elasticsearch', { url: 'http://h:9200', index: '{schema}-{table}' }, true],
  ['redis', { url: 'redis://h', key: 'item:{id}' }, false],
  ['redis', { url: 'redis://h', key: 'x{$schema}:{id}' }, true],
] as const)('%s %j keeps tables of one name in two schemas apart: %s', async (type, settings, apart) => {
  const [first, second] = await targets(type, settings, PAIR);
  expect(first !== second).toBe(apart);
});

test.each([
  ['postgres', { url: 'postgres://a:b@h/d?sslmode=require' }, { url: 'postgresql://c@h:5432/d' }, true],
  ['postgres', { url: 'postgres://h/d' }, { url: 'postgres://h/e' }, false],
  ['redis', { url: 'redis://:p@h', key: 'x:{id}' }, { url: 'redis://h:6379/0', key: 'x:{id}' }, true],
  ['redis', { url: 'redis://h/1', key: 'x:{id}' }, { url: 'redis://h', key: 'x:{id}' }, false],
] as const)('%s %j and %j are one place: %s', async (type, one, other, same) => {
  const [first] = await targets(type, one, PAIR);
  const [second] = await targets(type, other, PAIR);
  expect(first === second).toBe(same);
});
