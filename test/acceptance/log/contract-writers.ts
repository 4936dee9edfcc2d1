/** Writers, fencing, topics. */
import { describe, expect, test } from 'vitest';
import { batchOf } from '../../support/log-batches.ts';
import { codeOf, fill, opened, suite, valuesOf, visible, write } from './contract-support.ts';

export const writerContract = suite((create) => {
  describe('a writer', () => {
    test('has one transaction at a time', async () => {
      const { log } = await opened(create);
      const first = log.begin('writer', 0);
      expect(await codeOf(() => log.begin('writer', 0))).toBe('internal.bug');
      await log.begin('other', 0).abort();
      await first.abort();
      const second = log.begin('writer', 0);
      await second.commit();
      await log.begin('writer', 0).abort();
    });

    test('that was fenced cannot commit, whenever it began; the new epoch can', async () => {
      const { log } = await opened(create);
      const old = log.begin('writer', 0);
      await fill(old, { orders: ['old'], checkpoints: { position: 'old' } });
      const epoch = await log.fence('writer');
      expect(epoch).toBe(1);
      expect(await codeOf(() => old.commit())).toBe('log.fenced');
      await old.abort();
      const late = log.begin('writer', 0);
      // An older writer may learn of it already at its appends.
      await codeOf(() => fill(late, { orders: ['late'] }));
      expect(await codeOf(() => late.commit())).toBe('log.fenced');
      await write(log, { orders: ['new'], checkpoints: { position: 'new' } }, 'writer', epoch);
      expect(await visible(log)).toEqual({ orders: ['new'], items: [], position: 'new' });
      expect(await log.fence('writer')).toBe(2);
    });

    test('is fenced alone: other names go on', async () => {
      const { log } = await opened(create);
      const other = log.begin('other', 0);
      await fill(other, { orders: ['other'] });
      await log.fence('writer');
      await other.commit();
      expect(await valuesOf(log, 'orders')).toEqual(['other']);
    });

    test('does not hold up others of the same partition', async () => {
      const { log } = await opened(create);
      const slow = log.begin('slow', 0);
      await fill(slow, { orders: ['slow'] });
      await write(log, { orders: ['fast'] }, 'fast');
      await slow.commit();
      expect(await valuesOf(log, 'orders')).toEqual(['fast', 'slow']);
    });

    test('stays fenced after a kill', async () => {
      const { store, log } = await opened(create);
      await log.fence('writer');
      await store.kill();
      const again = await store.open();
      const old = again.begin('writer', 0);
      await codeOf(() => fill(old, { orders: ['old'] }));
      expect(await codeOf(() => old.commit())).toBe('log.fenced');
      expect(await again.fence('writer')).toBe(2);
    });
  });

  describe('topics', () => {
    test('are made once, durably, with their partitions', async () => {
      const { store, log } = await opened(create);
      const made = await Promise.all(
        [1, 2, 3].map(() => log.topics.ensure('new.topic', { partitions: 2, cleanup: 'compact' })),
      );
      for (const info of made) {
        expect(info).toMatchObject({ name: 'new.topic', settings: { partitions: 2, cleanup: 'compact' } });
        expect(info.partitions.map(({ partition }) => partition)).toEqual([0, 1]);
        for (const { startOffset, endOffset } of info.partitions) expect([startOffset, endOffset]).toEqual([0n, 0n]);
      }
      await store.kill();
      const again = await store.open();
      expect(again.topics.get('new.topic')).toMatchObject({ settings: { partitions: 2, cleanup: 'compact' } });
      expect(await codeOf(() => again.topics.ensure('new.topic', { partitions: 3, cleanup: 'compact' }))).toBeTruthy();
      expect(again.topics.get('new.topic')!.partitions).toHaveLength(2);
    });

    test('are listed; one that does not exist is undefined, and reads and commits of it are refused', async () => {
      const { log } = await opened(create);
      const names = log.topics.list().map(({ name }) => name);
      expect(names).toEqual([...names].sort());
      expect(names).toEqual(expect.arrayContaining(['items', 'orders']));
      expect(log.topics.get('nope')).toBeUndefined();
      expect(await codeOf(() => log.read('nope', 0, 0n, 1))).toBe('log.no_such_topic');
      expect(await codeOf(() => log.read('orders', 1, 0n, 1))).toBe('log.no_such_topic');
      const transaction = log.begin('writer', 0);
      expect(await codeOf(() => transaction.append('nope', 0, batchOf(['x'])))).toBe('log.no_such_topic');
      await transaction.abort();
    });

    test('tell their size and ends', async () => {
      const { log } = await opened(create);
      const before = log.topics.get('orders')!.partitions[0]!;
      const batch = batchOf(['a', 'b']);
      const bytes = batch.length;
      const transaction = log.begin('writer', 0);
      await transaction.append('orders', 0, batch);
      const [end] = await transaction.commit();
      const after = log.topics.get('orders')!.partitions[0]!;
      expect(after.startOffset).toBe(before.startOffset);
      expect(after.endOffset).toBeGreaterThanOrEqual(end!.endOffset);
      expect(after.sizeBytes).toBeGreaterThanOrEqual(before.sizeBytes + bytes);
    });
  });
});
