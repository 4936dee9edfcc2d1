import { expect, test } from 'vitest';
import { batch, change, column, table } from '../../../test/support/changes.ts';
import { NOT_SENT } from '../../contracts/row.ts';
import type { SinkRecord } from '../../contracts/sink.ts';
import { TailraceError } from '../index.ts';
import { applyInOrder } from './apply-in-order.ts';
import { RefusedRows } from './steps.ts';

const T = table('t', [
  column('id', 'text', 'text', { key: 1 }),
  column('a', 'text', 'text'),
  column('b', 'text', 'text'),
]);
const update = (version: number, ...after: (string | typeof NOT_SENT)[]) => change(T, { op: 'update', version, after });

/** A target that refuses some versions; what it took, in its order. */
async function feed(records: readonly SinkRecord[], refuses: readonly number[]) {
  const taken: number[] = [];
  let tries = 0;
  const refused = new RefusedRows();
  await applyInOrder(records, refused, async (some) => {
    tries++;
    const versions = some.map(({ change: { version } }) => Number(version));
    if (versions.some((version) => refuses.includes(version))) return new TailraceError('sink.rejected', 'no');
    taken.push(...versions);
    return null;
  });
  return { taken, tries, rejected: refused.rejections.map(({ record }) => Number(record.change.version)) };
}

test('one refused record among many is found by halves, the others are applied in their order', async () => {
  const changes = Array.from({ length: 1_000 }, (_, i) => update(i + 1, `k${i}`, 'a', 'b'));
  const { taken, tries, rejected } = await feed(batch(changes).records, [500]);
  expect(rejected).toEqual([500]);
  expect(taken).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1).filter((version) => version !== 500));
  expect(tries).toBeLessThan(25);
});

test('invariant 6: a part of a row waits behind the refused whole, up to the next whole one', async () => {
  const { records } = batch([
    update(1, 'x', 'a', 'b'),
    update(2, 'x', 'a2', NOT_SENT),
    update(3, 'y', 'a', 'b'),
    update(4, 'x', 'a4', 'b4'),
    update(5, 'x', NOT_SENT, 'b5'),
  ]);
  expect(await feed(records, [1])).toMatchObject({ rejected: [1, 2], taken: [3, 4, 5] });
});
