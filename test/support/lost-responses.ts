/** Feeds a sink as the runtime does while answers of its server are lost again and again. */
import { expect } from 'vitest';
import { classOf } from '../../src/contracts/errors.ts';
import { type Change, NOT_SENT } from '../../src/contracts/row.ts';
import type { OpenSink, SinkOpenOptions } from '../../src/contracts/sink.ts';
import { batch, change, column, openOptions, table } from './changes.ts';
import type { LossyProxy } from './lossy-proxy.ts';
import { TableModel } from './table-model.ts';

const ITEMS = table('items', [
  column('id', 'text', 'text', { key: 1 }),
  column('n', 'text', 'text'),
  column('big', 'text', 'text'),
]);
const never = new AbortController().signal;

/** Inserts, updates that do not send `big`, and deletes, over a few rows. */
function item(at: number): Change {
  const id = `k${(at * 7) % 10}`;
  const version = at + 1;
  if (at % 11 === 10) return change(ITEMS, { op: 'delete', version, before: [id] });
  if (at % 3 === 2) return change(ITEMS, { op: 'update', version, after: [id, `n${at}`, NOT_SENT] });
  return change(ITEMS, { op: 'insert', version, after: [id, `n${at}`, `big${at}`] });
}

/**
 * Applies changes until `losses` answers were lost. After each the sink is opened again and goes on where the target says.
 * @param open opens the sink through `proxy`
 * @param random uniform in [0, 1)
 * @returns rows that the target must hold: values of `id`, `n`, `big`
 */
export async function feedWithLostResponses(
  open: (options: Omit<SinkOpenOptions<unknown>, 'config'>) => Promise<OpenSink>,
  proxy: LossyProxy,
  { losses, random }: { readonly losses: number; readonly random: () => number },
): Promise<(string | null)[][]> {
  const model = new TableModel(ITEMS);
  let applied = 0;
  let epoch = 0;
  while (proxy.lost < losses) {
    epoch++;
    proxy.loseAnswer(1 + Math.floor(random() * 20));
    let opened: OpenSink | undefined;
    try {
      const { lines, ...options } = openOptions(undefined);
      opened = await open(options);
      let at = Number(opened.resume?.[0]?.next ?? 0);
      expect(at).toBeLessThanOrEqual(applied);
      for (const lost = proxy.lost; proxy.lost === lost; ) {
        const size = 1 + Math.floor(random() * 8);
        const changes = Array.from({ length: size }, (_, i) => item(at + i));
        for (let i = applied; i < at + size; i++) model.apply(item(i));
        applied = Math.max(applied, at + size);
        expect(await opened.sink.write(batch(changes, { from: at, epoch }), never)).toEqual([]);
        await opened.sink.flush(never);
        at += size;
      }
    } catch (error) {
      if (classOf(error) !== 'retry') throw error;
    } finally {
      await opened?.sink.close();
    }
  }
  proxy.loseAnswer(Number.POSITIVE_INFINITY);
  await finish(open, applied, epoch + 1);
  return model.rows();
}

/** Goes on to what was read before, without losses. */
async function finish(
  open: (options: Omit<SinkOpenOptions<unknown>, 'config'>) => Promise<OpenSink>,
  end: number,
  epoch: number,
): Promise<void> {
  const { lines, ...options } = openOptions(undefined);
  const { sink, resume } = await open(options);
  const from = Number(resume?.[0]?.next ?? 0);
  const changes = Array.from({ length: end - from }, (_, i) => item(from + i));
  expect(await sink.write(batch(changes, { from, epoch }), never)).toEqual([]);
  await sink.flush(never);
  await sink.close();
}
