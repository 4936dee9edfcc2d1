/** Atomic commits, `finish`, order, abort, checkpoints. */
import { describe, expect, test } from 'vitest';
import type { EndOffsets } from '../../../src/contracts/log.ts';
import { batchOf } from '../../support/log-batches.ts';
import {
  codeOf,
  endOf,
  fill,
  MANY_BYTES,
  opened,
  recordsIn,
  suite,
  text,
  valuesOf,
  visible,
  write,
} from './contract-support.ts';

export const commitContract = suite((create) => {
  describe('a commit', () => {
    test('invariant 3: records of several partitions and their checkpoint become visible at once', async () => {
      const { log } = await opened(create);
      const transaction = log.begin('writer', 0);
      await fill(transaction, { orders: ['o1', 'o2'], items: ['i1'], checkpoints: { position: '7' } });
      expect(await visible(log)).toEqual({ orders: [], items: [], position: undefined });
      expect(endOf(log, 'orders')).toBe(log.topics.get('orders')!.partitions[0]!.startOffset);
      await transaction.commit();
      expect(await visible(log)).toEqual({ orders: ['o1', 'o2'], items: ['i1'], position: '7' });
    });

    test('resolves to the end offsets of the partitions it wrote', async () => {
      const { log } = await opened(create);
      await write(log, { orders: ['before'] });
      const transaction = log.begin('writer', 0);
      await fill(transaction, { orders: ['a', 'b'], items: ['c'] });
      await fill(transaction, { orders: ['d'] });
      const ends = await transaction.commit();
      expect(ends.map(({ topic, partition }) => `${topic}-${partition}`).sort()).toEqual(['items-2', 'orders-0']);
      for (const { topic, partition, baseOffset, endOffset } of ends) {
        const own = (await recordsIn(log, topic, partition)).filter(({ offset }) => offset >= baseOffset);
        expect(own[0]!.offset).toBe(baseOffset);
        expect(own.at(-1)!.offset).toBe(endOffset - 1n);
        expect(own.map(({ value }) => text(value))).toEqual(topic === 'orders' ? ['a', 'b', 'd'] : ['c']);
        expect(endOf(log, topic, partition)).toBeGreaterThanOrEqual(endOffset);
      }
    });

    test('of checkpoints alone, and of nothing', async () => {
      const { log } = await opened(create);
      expect(await write(log, { checkpoints: { position: '1' } })).toEqual([]);
      expect(log.checkpoints.get('position')).toBe('1');
      expect(await write(log, {})).toEqual([]);
    });

    test('keeps keys, values, headers and times as they were, nulls too', async () => {
      const { log } = await opened(create);
      const { RecordBatchBuilder } = await import('../../../src/wire/record-batch.ts');
      const builder = new RecordBatchBuilder();
      const time = 1_700_000_000_123;
      builder.begin(time);
      const headers = [
        { key: 'h', value: Buffer.from([0, 255]) },
        { key: 'empty', value: null },
      ];
      builder.append(time, null, null, headers);
      builder.append(time + 5, Buffer.from([1, 0, 2]), Buffer.alloc(0));
      const transaction = log.begin('writer', 0);
      await transaction.append('orders', 0, builder.finish());
      await transaction.commit();
      const [first, second] = await recordsIn(log, 'orders');
      expect(first).toMatchObject({ timestamp: time, key: null, value: null });
      expect(first!.headers.map(({ key, value }) => [key, value === null ? null : [...value]])).toEqual([
        ['h', [0, 255]],
        ['empty', null],
      ]);
      expect(second).toMatchObject({ timestamp: time + 5, headers: [] });
      expect([[...second!.key!], [...second!.value!]]).toEqual([[1, 0, 2], []]);
    });

    test('of a large transaction is as whole as of a small one', async () => {
      const { log } = await opened(create);
      const transaction = log.begin('writer', 0);
      const filler = 'x'.repeat(64 << 10);
      const values = Array.from({ length: 40 }, (_, i) => `${i} ${filler}`);
      for (const value of values) await fill(transaction, { orders: [value], items: ['i'] });
      expect(endOf(log, 'orders')).toBe(0n);
      expect(await log.read('orders', 0, 0n, MANY_BYTES)).toEqual([]);
      await transaction.commit();
      expect(await valuesOf(log, 'orders')).toEqual(values);
      expect(await valuesOf(log, 'items', 2)).toHaveLength(40);
    });

    test('commits become durable in call order, and the next one may begin while the last is synced', async () => {
      const { log } = await opened(create);
      const done: number[] = [];
      const commits = Array.from({ length: 8 }, async (_, n) => {
        const transaction = log.begin('writer', 0);
        transaction.append('orders', 0, batchOf([String(n)]));
        transaction.checkpoint('position', String(n));
        const ends = await transaction.commit();
        done.push(n);
        return ends[0]!;
      });
      const ends = await Promise.all(commits);
      expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
      expect(await valuesOf(log, 'orders')).toEqual(done.map(String));
      expect(log.checkpoints.get('position')).toBe('7');
      for (const [i, { baseOffset }] of ends.entries()) {
        if (i > 0) expect(baseOffset).toBeGreaterThanOrEqual(ends[i - 1]!.endOffset);
      }
    });

    test('to a topic that does not exist is refused, and nothing of it remains', async () => {
      const { log } = await opened(create);
      const transaction = log.begin('writer', 0);
      await fill(transaction, { orders: ['x'] });
      expect(await codeOf(() => transaction.append('nope', 0, batchOf(['x'])))).toBe('log.no_such_topic');
      expect(await codeOf(() => transaction.append('orders', 1, batchOf(['x'])))).toBe('log.no_such_topic');
      await transaction.abort();
      expect(await valuesOf(log, 'orders')).toEqual([]);
    });
  });

  describe('finish', () => {
    test('is called once, before anything is visible, with the end offsets; its batches join the commit', async () => {
      const { log } = await opened(create);
      const seen: EndOffsets[] = [];
      const transaction = log.begin('writer', 0);
      await fill(transaction, { orders: ['a', 'b'], checkpoints: { position: '1' } });
      const visibleEnd = endOf(log, 'orders');
      const ends = await transaction.commit((assigned) => {
        seen.push(assigned.map((end) => ({ ...end })));
        expect(endOf(log, 'orders')).toBe(visibleEnd);
        expect(log.checkpoints.get('position')).toBeUndefined();
        return [
          { topic: 'items', partition: 2, bytes: batchOf([`end ${assigned[0]!.endOffset}`]) },
          { topic: 'orders', partition: 0, bytes: batchOf(['last']) },
        ];
      });
      expect(seen).toHaveLength(1);
      expect(seen[0]).toHaveLength(1);
      const { baseOffset, endOffset } = seen[0]![0]!;
      const records = await recordsIn(log, 'orders');
      expect(records.map(({ value }) => text(value))).toEqual(['a', 'b', 'last']);
      expect([records[0]!.offset, records[1]!.offset + 1n]).toEqual([baseOffset, endOffset]);
      expect(await valuesOf(log, 'items', 2)).toEqual([`end ${endOffset}`]);
      const orders = ends.find(({ topic }) => topic === 'orders')!;
      expect(orders).toMatchObject({ baseOffset, endOffset: records[2]!.offset + 1n });
    });

    test('that throws ends the commit: nothing of it remains, and the writer goes on', async () => {
      const { log } = await opened(create);
      const bad = log.begin('writer', 0);
      await fill(bad, { orders: ['lost'], checkpoints: { position: 'lost' } });
      const commit = bad.commit(() => {
        throw new Error('no end records');
      });
      await expect(commit).rejects.toThrow('no end records');
      await bad.abort();
      const nowhere = log.begin('writer', 0);
      await fill(nowhere, { orders: ['lost'] });
      const unknown = () => nowhere.commit(() => [{ topic: 'nope', partition: 0, bytes: batchOf(['x']) }]);
      expect(await codeOf(unknown)).toBe('log.no_such_topic');
      await write(log, { orders: ['kept'] });
      expect(await visible(log)).toEqual({ orders: ['kept'], items: [], position: undefined });
    });
  });

  describe('abort', () => {
    test('drops what was staged; twice is as good as once, and after a commit it changes nothing', async () => {
      const { log } = await opened(create);
      const dropped = log.begin('writer', 0);
      await fill(dropped, { orders: ['dropped'], checkpoints: { position: 'dropped' } });
      await dropped.abort();
      await dropped.abort();
      expect(await codeOf(() => dropped.commit())).toBe('internal.bug');
      const kept = log.begin('writer', 0);
      await fill(kept, { orders: ['kept'] });
      await kept.commit();
      await kept.abort();
      expect(await visible(log)).toEqual({ orders: ['kept'], items: [], position: undefined });
    });
  });

  describe('checkpoints', () => {
    test('the last call per name wins; null removes; a prefix lists them by name', async () => {
      const { log } = await opened(create);
      const transaction = log.begin('writer', 0);
      for (const value of ['1', '2']) transaction.checkpoint('a/2', value);
      transaction.checkpoint('a/1', 'x');
      transaction.checkpoint('a/3', 'y');
      transaction.checkpoint('a/3', null);
      transaction.checkpoint('b', '');
      transaction.checkpoint('__proto__', 'p');
      await transaction.commit();
      expect(log.checkpoints.list('a/')).toEqual([
        ['a/1', 'x'],
        ['a/2', '2'],
      ]);
      expect([log.checkpoints.get('b'), log.checkpoints.get('__proto__')]).toEqual(['', 'p']);
      await write(log, { checkpoints: { 'a/1': null } });
      expect(log.checkpoints.get('a/1')).toBeUndefined();
      expect(log.checkpoints.list('')).toEqual([
        ['__proto__', 'p'],
        ['a/2', '2'],
        ['b', ''],
      ]);
      expect(log.checkpoints.list('c')).toEqual([]);
    });
  });
});
