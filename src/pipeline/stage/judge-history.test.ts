import { expect, test } from 'vitest';
import { KeptTables, lookupPlan, Script, stepsOf } from '../../../test/support/lookup-scene.ts';
import type { Log } from '../../contracts/log.ts';
import { createEnvelope } from '../../envelope/index.ts';
import { createRules } from '../../rules/index.ts';
import { judgeHistory } from './judge-history.ts';

const transform = stepsOf({ lookup: { from: 'customers', on: { id: 'customer' }, take: ['name'] } });
const shared = {
  pipeline: lookupPlan(new Script(), new KeptTables(), { transform }),
  envelope: createEnvelope({ productVersion: '0' }),
  rules: createRules(),
};

/** The log as far as it is asked. */
function logWith(cleanup: 'compact' | 'delete', startOffset: bigint): Log {
  const partitions = [{ partition: 0, startOffset, endOffset: 9n, sizeBytes: 1 }];
  const get = (name: string) =>
    name === 'src.public.customers' ? { name, settings: { partitions: 1, cleanup }, partitions } : undefined;
  return { topics: { get } } as unknown as Log;
}

test('invariant 5: a table whose older rows are gone from the log is a gap for what is looked up in it', () => {
  const judge = (log: Log, cover = {}) => judgeHistory({ ...shared, log }, cover);
  expect(() => judge(logWith('delete', 3n))).toThrow(expect.objectContaining({ code: 'log.compacted' }));
  expect(() => judge(logWith('delete', 3n), { 'src.public.customers': '5' })).not.toThrow();
  expect(() => judge(logWith('delete', 0n))).not.toThrow();
  expect(() => judge(logWith('compact', 3n))).not.toThrow();
});
