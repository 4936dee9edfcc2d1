import { describe, expect, test } from 'vitest';
import { MemoryLog } from '../../test/support/memory-log.ts';
import type { PipelinePlan, SinkPlan, SourcePlan } from '../contracts/plan.ts';
import { groupCheckpoint, sinkGroup, sourceCheckpoint } from './checkpoint-names.ts';
import { serviceCommit } from './service-commit.ts';
import { isCalled, labelOf, recordNames, withStoredNames } from './stored-names.ts';

/** `new < old`: renamed from old. */
function part(text: string): { readonly name: string; readonly renamedFrom?: string } {
  const [name = '', renamedFrom] = text.split(' < ');
  return renamedFrom === undefined ? { name } : { name, renamedFrom };
}

/** A pipeline whose one source is called as it is, and its sinks. */
function plan(text: string, ...sinks: readonly string[]): PipelinePlan {
  return {
    ...part(text),
    file: 'p.yaml',
    transform: [],
    sources: [part(text) as SourcePlan],
    sinks: sinks.map((sink) => part(sink) as SinkPlan),
  };
}

/** `label = state` of everything, after a start. */
async function start(log: MemoryLog, ...plans: readonly PipelinePlan[]): Promise<string[]> {
  const names = withStoredNames(plans, log.checkpoints);
  await recordNames(log, names);
  return names.pipelines.flatMap((pipeline) => [
    `${labelOf(pipeline)} = ${pipeline.name}`,
    ...pipeline.sources.map((source) => `source ${labelOf(source)} = ${source.name}`),
    ...pipeline.sinks.map((sink) => `sink ${labelOf(sink)} = ${sink.name}`),
  ]);
}

const RENAMED = ['store = shop', 'source store = shop', 'sink search = sink'];

describe('names of state', () => {
  test('what was renamed goes on under its first name, with the line, without it, and renamed again', async () => {
    const log = new MemoryLog();
    await start(log, plan('shop', 'sink'));
    for (const again of ['store < shop', 'store < shop', 'store']) {
      expect(await start(log, plan(again, 'search < sink'))).toEqual(RENAMED);
    }
    expect(await start(log, plan('store', 'search'))).toEqual(RENAMED);
    expect(await start(log, plan('kiosk < store', 'find < search'))).toEqual([
      'kiosk = shop',
      'source kiosk = shop',
      'sink find = sink',
    ]);
    expect(await start(log, plan('shop < kiosk', 'sink < find'))).toEqual([
      'shop = shop',
      'source shop = shop',
      'sink sink = sink',
    ]);
  });

  test('a start that changes nothing writes nothing', async () => {
    const log = new MemoryLog();
    await start(log, plan('shop', 'sink'));
    await start(log, plan('store < shop', 'sink'));
    expect(withStoredNames([plan('store < shop', 'sink')], log.checkpoints).unrecorded).toEqual([]);
  });

  test('state of before names were recorded is found', async () => {
    const log = new MemoryLog();
    await serviceCommit(log, 'x', (transaction) => {
      transaction.checkpoint(sourceCheckpoint('shop'), '{}');
      transaction.checkpoint(groupCheckpoint(sinkGroup('shop', 'sink'), 'shop.public.a', 0), '5');
    });
    expect(await start(log, plan('store < shop', 'search < sink'))).toEqual(RENAMED);
  });

  test('in an empty log everything begins under its own name, and the line does no harm later', async () => {
    const log = new MemoryLog();
    for (let i = 0; i < 2; i++) {
      expect(await start(log, plan('store < shop', 'search < sink'))).toEqual([
        'store = store',
        'source store = store',
        'sink search = search',
      ]);
    }
  });

  test('a name that nothing is known of is refused while there is state that is left', async () => {
    const log = new MemoryLog();
    await start(log, plan('shop', 'sink'));
    await expect(start(log, plan('store < shopp', 'sink'))).rejects.toMatchObject({
      code: 'config.invalid',
      message: 'pipeline "store": nothing is known of a pipeline "shopp" that it was renamed from',
      remedy: 'did you mean "shop"?',
    });
    await expect(start(log, plan('shop', 'search < x'))).rejects.toMatchObject({
      remedy: 'there is state of "sink"; to begin anew, remove renamed_from',
    });
  });

  test('invariant 5: two cannot go on from one state, and one not from two', async () => {
    const log = new MemoryLog();
    await start(log, plan('shop', 'sink'));
    await start(log, plan('store < shop', 'sink'));
    await expect(start(log, plan('store', 'sink'), plan('shop', 'sink'))).rejects.toThrow(
      'the pipelines "store" and "shop" would both go on from the state of "shop"',
    );
    const other = new MemoryLog();
    await start(other, plan('shop', 'sink'));
    await start(other, plan('store', 'sink'));
    await expect(start(other, plan('store < shop', 'sink'))).rejects.toThrow('has been at work under its own name');
  });

  test('sinks of equal names in other pipelines are others', async () => {
    const log = new MemoryLog();
    await start(log, plan('a', 'one'), plan('b', 'one', 'two'));
    expect(await start(log, plan('a', 'first < one'), plan('b', 'one', 'two'))).toEqual([
      'a = a',
      'source a = a',
      'sink first = one',
      'b = b',
      'source b = b',
      'sink one = one',
      'sink two = two',
    ]);
  });

  test('without a log the files are taken at their word', () => {
    const [pipeline] = withStoredNames([plan('store < shop', 'search < sink')], null).pipelines;
    expect([pipeline!.name, pipeline!.sources[0]!.name, pipeline!.sinks[0]!.name]).toEqual(['shop', 'shop', 'sink']);
    expect([isCalled(pipeline!, 'store'), isCalled(pipeline!, 'shop'), isCalled(pipeline!, 'x')]).toEqual([
      true,
      true,
      false,
    ]);
  });
});
