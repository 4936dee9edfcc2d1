/** Truncate and the end of a snapshot: rows of a table below a version go, and late writes below it stay out (Invariant 7). */
import { TailraceError } from 'tailrace/sdk';
import { base64, textOf } from './client.ts';
import type { RequestOp } from './messages.ts';
import { prefixEnd, rowKey, rowKeyOf, versionKey, versionText } from './names.ts';
import { MAX_ROWS, type Session } from './rows.ts';
import { floorPut, type TargetTable } from './tables.ts';

const PAGE = 1_000;

/**
 * Only keys with a version of ours are removed: what others keep below the prefix stays. The floor is raised last, so that a sweep
 * that was cut short is done again.
 * @param spared keys of rows that stay, as in `Change.key`
 */
export async function sweep(
  session: Session,
  table: TargetTable,
  below: bigint,
  spared: readonly string[],
): Promise<void> {
  if (below <= table.floor) return;
  const kept = new Set(spared.flatMap((key) => keyOf(table, key)));
  const limit = versionText(below);
  const end = prefixEnd(versionKey(table.prefix));
  for (let from = versionKey(table.prefix); ; ) {
    const request = { key: base64(from), range_end: base64(end), limit: PAGE };
    const { kvs = [], more } = await session.client.range(request, session.signal);
    const old = kvs
      .filter(({ value }) => textOf(value) < limit)
      .map(({ key }) => textOf(key))
      .filter((key) => !kept.has(rowKeyOf(key)));
    for (let at = 0; at < old.length; at += MAX_ROWS) {
      const some = old.slice(at, at + MAX_ROWS);
      await session.positions.commit(
        some.map((key) => removal(key, limit)),
        session.signal,
      );
    }
    if (more !== true) break;
    from = `${textOf(kvs.at(-1)!.key)}\0`;
  }
  await session.positions.commit([floorPut(table, limit)], session.signal);
  table.floor = below;
}

function removal(key: string, limit: string): RequestOp {
  const older = { key: base64(key), target: 'VALUE', result: 'LESS', value: base64(limit) } as const;
  const remove = [rowKeyOf(key), key].map((name) => ({ request_delete_range: { key: base64(name) } }));
  return { request_txn: { compare: [older], success: remove } };
}

/** None for a row that etcd cannot hold: it is in the dead letters. */
function keyOf({ prefix }: TargetTable, key: string): readonly string[] {
  try {
    return [rowKey(prefix, key)];
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
    return [];
  }
}
