/** An empty target, a table of three text columns, and short words for changing it. */
import { expect } from 'vitest';
import type { Change } from '../../src/contracts/row.ts';
import type { OpenSink, SinkOpenOptions } from '../../src/contracts/sink.ts';
import { batch, type Cell, change, column, type LogLine, openOptions, table } from './changes.ts';

/** One empty target. */
export interface LastValueTarget {
  open(options: Omit<SinkOpenOptions<unknown>, 'config'>): Promise<OpenSink>;
  /** Rows of a table by its unquoted name, values as text, NULL as null; sorted by their JSON. */
  rows(name: string, columns: readonly string[]): Promise<(string | null)[][]>;
  /** Makes the server forget what it may forget at any time, e.g. versions of deleted rows. */
  forget?(): Promise<void>;
}

const never = new AbortController().signal;
export const SHOP = table('t', [
  column('id', 'text', 'text', { key: 1 }),
  column('a', 'text', 'text'),
  column('b', 'text', 'text'),
]);
const COLUMNS = ['id', 'a', 'b'];

export const insert = (version: number, ...after: Cell[]): Change => change(SHOP, { op: 'insert', version, after });
export const update = (version: number, ...after: Cell[]): Change => change(SHOP, { op: 'update', version, after });
export const remove = (version: number, id: string): Change => change(SHOP, { op: 'delete', version, before: [id] });

export async function session(target: LastValueTarget, more: Partial<SinkOpenOptions<unknown>> = {}) {
  const { lines, ...options } = openOptions(undefined, more);
  return { ...(await target.open(options)), lines };
}

/** One write and flush. */
export async function apply({ sink }: OpenSink, changes: readonly Change[], from = 0, epoch = 1) {
  const rejections = await sink.write(batch(changes, { from, epoch }), never);
  await sink.flush(never);
  return rejections;
}

/** Applies batch after batch, each in one write and flush. */
export async function run(target: LastValueTarget, ...batches: Change[][]): Promise<readonly LogLine[]> {
  const opened = await session(target);
  let from = 0;
  for (const changes of batches) {
    expect(await apply(opened, changes, from)).toEqual([]);
    from += changes.length;
  }
  await opened.sink.close();
  return opened.lines;
}

/** Rows of `SHOP` in the target. */
export const rows = (target: LastValueTarget) => target.rows('t', COLUMNS);
