/** What is there after a close and after a kill; lineage. */
import { describe, expect, test } from 'vitest';
import type { Log } from '../../../src/contracts/log.ts';
import { endOf, fill, opened, suite, valuesOf, visible, write } from './contract-support.ts';

export const durabilityContract = suite((create) => {
  describe.each(['close', 'kill'] as const)('after a %s', (how) => {
    test('acknowledged commits are there, whole, and writing goes on behind them', async () => {
      const { store, log } = await opened(create);
      for (let n = 1; n <= 12; n++) {
        const filler = n % 4 === 0 ? 'x'.repeat(20_000) : '';
        await write(log, { orders: [`o${n}${filler}`], items: [`i${n}`], checkpoints: { position: `${n}` } });
      }
      const before = await visible(log);
      const ends = [endOf(log, 'orders'), endOf(log, 'items', 2)];
      await store[how]();
      const again = await store.open();
      expect(await visible(again)).toEqual(before);
      expect(endOf(again, 'orders')).toBeGreaterThanOrEqual(ends[0]!);
      const [end] = await write(again, { orders: ['next'], checkpoints: { position: '13' } });
      expect(end!.baseOffset).toBeGreaterThanOrEqual(ends[0]!);
      expect(await visible(again)).toEqual({ ...before, orders: [...before.orders, 'next'], position: '13' });
    });

    test('what was not committed is gone, and the writer may begin again', async () => {
      const { store, log } = await opened(create);
      await write(log, { orders: ['kept'], checkpoints: { position: '1' } });
      const open = log.begin('writer', 0);
      await fill(open, { orders: ['open', 'x'.repeat(50_000)], items: ['open'], checkpoints: { position: '2' } });
      await store[how]();
      const again = await store.open();
      expect(await visible(again)).toEqual({ orders: ['kept'], items: [], position: '1' });
      await write(again, { orders: ['next'] });
      expect(await valuesOf(again, 'orders')).toEqual(['kept', 'next']);
    });
  });

  test('invariant 3: a commit that a kill meets is there as a whole or not at all, and no later one without it', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const { store, log } = await opened(create);
      const acknowledged: number[] = [];
      for (let n = 1; n <= 6; n++) {
        const transaction = log.begin('writer', 0);
        await fill(transaction, { orders: [`${n}`], items: [`${n}`], checkpoints: { position: `${n}` } });
        transaction.commit().then(
          () => acknowledged.push(n),
          () => {},
        );
        for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      }
      const known = acknowledged.length;
      await store.kill();
      const seen = await visible(await store.open());
      const kept = Number(seen.position ?? '0');
      const values = Array.from({ length: kept }, (_, i) => `${i + 1}`);
      expect([seen.orders, seen.items]).toEqual([values, values]);
      expect(kept).toBeGreaterThanOrEqual(known);
      await store.close();
    }
  });

  describe('lineage', () => {
    const covered = (log: Log, id: string) =>
      [0n, 1n, 2n, 3n, 4n].filter((offset) => log.lineage.covers(id, 'orders', 0, offset)).map(Number);

    test('each opening has its id, 16 hex digits, and covers what was written until the next one wrote', async () => {
      const { store, log } = await opened(create);
      await write(log, { orders: ['a'] });
      const first = log.lineage.current;
      const firstEnd = Number(endOf(log, 'orders'));
      expect(first).toMatch(/^[0-9a-f]{16}$/);
      expect(covered(log, first).at(-1)).toBe(firstEnd);
      await store.close();
      const second = await store.open();
      // It has not written here yet: a position of the first at the end is still right.
      expect(covered(second, first).at(-1)).toBe(firstEnd);
      await write(second, { orders: ['b'] });
      expect(second.lineage.current).not.toBe(first);
      expect(covered(second, first).at(-1)).toBe(firstEnd);
      expect(covered(second, second.lineage.current).at(-1)).toBe(Number(endOf(second, 'orders')));
    });

    test('an id that is not known and a topic that is not there are not covered', async () => {
      const { log } = await opened(create);
      await write(log, { orders: ['a'] });
      expect(covered(log, '0123456789abcdef')).toEqual([]);
      expect(log.lineage.covers(log.lineage.current, 'nope', 0, 0n)).toBe(false);
      expect(log.lineage.covers(log.lineage.current, 'orders', 9, 0n)).toBe(false);
    });

    test('ids are kept over a kill; each opening adds another', async () => {
      const { store, log } = await opened(create);
      const ids = [log.lineage.current];
      let current = log;
      for (let n = 0; n < 3; n++) {
        await write(current, { orders: [`${n}`] });
        await store.kill();
        current = await store.open();
        expect(ids).not.toContain(current.lineage.current);
        for (const id of ids) expect(current.lineage.covers(id, 'orders', 0, 0n)).toBe(true);
        ids.push(current.lineage.current);
      }
    });
  });
});
