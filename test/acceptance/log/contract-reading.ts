/** `read` and `waitFor`. */
import { describe, expect, test } from 'vitest';
import { checkBatch, readBatchHeader } from '../../../src/wire/record-batch.ts';
import { batchesFrom, codeOf, endOf, MANY_BYTES, opened, recordsIn, suite, text, write } from './contract-support.ts';

const forever = () => new AbortController().signal;

/** Resolved or not, looked at after everything that is due has run. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  const over = () => {
    pending = false;
  };
  promise.then(over, over);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return pending;
}

export const readContract = suite((create) => {
  describe('a read', () => {
    test('gives whole stored batches from the one that holds the offset', async () => {
      const { log } = await opened(create);
      for (const values of [['a', 'b', 'c'], ['d'], ['e', 'f']]) await write(log, { orders: values });
      const records = await recordsIn(log, 'orders');
      expect(records.map(({ value }) => text(value))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
      const firsts = { a: 'a', b: 'a', c: 'a', d: 'd', e: 'e', f: 'e' } as const;
      for (const { offset, value } of records) {
        const [batch] = await log.read('orders', 0, offset, 1);
        const inside = [...batch!.records()];
        expect(text(inside[0]!.value)).toBe(firsts[text(value) as keyof typeof firsts]);
        expect(inside.some((record) => record.offset === offset)).toBe(true);
        expect(batch!.baseOffset).toBe(inside[0]!.offset);
        expect(batch!.nextOffset).toBe(inside.at(-1)!.offset + 1n);
        expect(checkBatch(batch!.bytes, 0, batch!.bytes.length)).toBe(batch!.bytes.length);
        expect(readBatchHeader(batch!.bytes, 0).baseOffset).toBe(batch!.baseOffset);
      }
    });

    test('gives at least one batch, about as many bytes as asked for, and never waits', async () => {
      const { log } = await opened(create);
      for (let i = 0; i < 30; i++) await write(log, { orders: [`${i} ${'x'.repeat(1_000)}`] });
      const start = log.topics.get('orders')!.partitions[0]!.startOffset;
      expect(await log.read('orders', 0, start, 1)).toHaveLength(1);
      const some = await log.read('orders', 0, start, 5_000);
      const largest = Math.max(...some.map(({ bytes }) => bytes.length));
      expect(some.length).toBeGreaterThan(1);
      expect(some.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(5_000 + largest);
      const all = await batchesFrom(log, 'orders', 0, start, 5_000);
      expect(all.flatMap((batch) => [...batch.records()])).toHaveLength(30);
      expect(await log.read('orders', 0, endOf(log, 'orders'), MANY_BYTES)).toEqual([]);
      expect(await log.read('items', 0, 0n, MANY_BYTES)).toEqual([]);
    });

    test('invariant 5: below the start or above the end is refused, never reset', async () => {
      const { log } = await opened(create);
      await write(log, { orders: ['a'] });
      const { startOffset, endOffset } = log.topics.get('orders')!.partitions[0]!;
      for (const offset of [startOffset - 1n, endOffset + 1n, endOffset + (1n << 40n)]) {
        expect(await codeOf(() => log.read('orders', 0, offset, MANY_BYTES))).toBe('log.offset_out_of_range');
      }
    });

    test('gives what stays as it was: later commits do not change it', async () => {
      const { log } = await opened(create);
      await write(log, { orders: ['a'] });
      const [batch] = await log.read('orders', 0, 0n, MANY_BYTES);
      const before = Buffer.from(batch!.bytes);
      for (let i = 0; i < 50; i++) await write(log, { orders: [`later ${i}`] });
      expect(Buffer.compare(before, batch!.bytes)).toBe(0);
    });
  });

  describe('waitFor', () => {
    test('resolves at once when an end lies above already', async () => {
      const { log } = await opened(create);
      await write(log, { orders: ['a'] });
      const positions = [
        { topic: 'items', partition: 0, offset: 0n },
        { topic: 'orders', partition: 0, offset: 0n },
      ];
      await log.waitFor(positions, forever());
    });

    test('resolves when any of the partitions grows above its offset, by then readable; not before', async () => {
      const { log } = await opened(create);
      await write(log, { orders: ['a'] });
      const end = endOf(log, 'orders');
      const positions = [
        { topic: 'items', partition: 2, offset: 0n },
        { topic: 'orders', partition: 0, offset: end },
      ];
      const waiting = log.waitFor(positions, forever());
      expect(await isPending(waiting)).toBe(true);
      const transaction = log.begin('writer', 0);
      transaction.checkpoint('position', '1');
      await transaction.commit();
      expect(await isPending(waiting)).toBe(true);
      const grown = waiting.then(() => log.read('items', 2, 0n, MANY_BYTES));
      await write(log, { items: ['i'] });
      expect(await grown).toHaveLength(1);
    });

    test('of two that wait for the same, both resolve', async () => {
      const { log } = await opened(create);
      const positions = [{ topic: 'orders', partition: 0, offset: 0n }];
      const both = Promise.all([log.waitFor(positions, forever()), log.waitFor(positions, forever())]);
      await write(log, { orders: ['a'] });
      await both;
    });

    test('rejects with the reason of the signal, aborted before or later, and leaves nothing waiting', async () => {
      const { log } = await opened(create);
      const positions = [{ topic: 'orders', partition: 0, offset: 0n }];
      const before = new AbortController();
      before.abort(new Error('before'));
      await expect(log.waitFor(positions, before.signal)).rejects.toThrow('before');
      const later = new AbortController();
      const waiting = log.waitFor(positions, later.signal);
      later.abort(new Error('later'));
      await expect(waiting).rejects.toThrow('later');
      await write(log, { orders: ['a'] });
    });
  });
});
