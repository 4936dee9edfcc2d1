/** The kit can fail: a sink that is right passes, and each that is broken turns the right cases red. */
import { expect, test } from 'vitest';
import { runSuite, sinkAcceptance } from '../../src/testkit/index.ts';
import { driver, type Fault, mapSink } from './broken-plugins.ts';

async function failed(fault: Fault | null): Promise<readonly string[]> {
  const suite = sinkAcceptance(mapSink(fault), driver);
  const cases = suite.cases.filter(({ id }) => id !== 'speed/floor');
  const { results } = await runSuite({ ...suite, cases });
  return results
    .filter(({ status }) => status === 'failed')
    .map(({ id, reason }) => (fault === null ? `${id} ${reason}` : id));
}

test('a sink that is right passes', async () => {
  expect(await failed(null)).toEqual([]);
});

test.each<[Fault, readonly string[]]>([
  ['acknowledges-early', ['positions/flush']],
  ['leaks-secret', ['secrets/settings']],
  ['leaks-rows', ['secrets/rows']],
  ['loose-settings', ['settings/unknown-key']],
  ['undocumented', ['settings/documented']],
  ['no-equal', ['versions/equal']],
  ['rejects-batch', ['failure/poison']],
  ['not-fenced', ['writers/fenced']],
  ['any-generation', ['positions/generation']],
  ['auth-as-host', ['check/credential']],
  ['rounds', ['values/decimal']],
  ['untyped-error', ['failure/unreachable', 'secrets/rows']],
])('%s turns %j red, and nothing else', async (fault, ids) => {
  expect((await failed(fault)).toSorted()).toEqual(ids.toSorted());
});

test.each<[Fault, string]>([
  ['drops-seventh', 'life/abort'],
  ['null-for-unsent', 'rows/not-sent'],
  ['no-guard', 'versions/older'],
  ['forgets-deletes', 'versions/late-write'],
  ['empty-for-null', 'values/null'],
  ['swallows-failure', 'failure/unreachable'],
])('%s turns %s red', async (fault, id) => {
  expect(await failed(fault)).toContain(id);
});

test.skipIf(process.env.TAILRACE_FULL === undefined)('never-closes turns life/close red, in time', async () => {
  const { results } = await runSuite(sinkAcceptance(mapSink('never-closes'), driver), { only: 'life/close' });
  expect(results).toMatchObject([{ status: 'failed', reason: 'close took more than 5000 ms' }]);
});
