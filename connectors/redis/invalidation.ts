/**
 * Keys of a cache that others fill: whatever changes about a row, its key is removed. To remove one once more does no harm, so nothing
 * is compared (Invariant 7: nothing is written that could be too old).
 */
import { type SinkRecord, TailraceError } from '../../src/sdk/index.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import type { RefusedRows } from '../../src/sdk/target/steps.ts';
import type { Group } from './groups.ts';
import { REMOVE } from './plain-scripts.ts';
import type { Session } from './row-calls.ts';
import { scan } from './scan.ts';
import type { TargetTable } from './tables.ts';

const CALL_KEYS = 1_000;

export async function invalidate(
  { groups, signal }: Session,
  table: TargetTable,
  records: readonly SinkRecord[],
  refused: RefusedRows,
): Promise<void> {
  const keys: Set<string>[] = groups.map(() => new Set());
  for (const record of records) {
    try {
      const { text, group } = table.key.keyOf(identityRow(record.change));
      keys[group]!.add(text);
    } catch (error) {
      if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
      refused.reject(record, error);
    }
  }
  await Promise.all(groups.map((group, i) => remove(group, [...keys[i]!], signal)));
}

/** All keys that the template makes: what a truncate removed, or what a snapshot did not see, is not known one by one. */
export async function invalidateAll({ groups, signal }: Session, table: TargetTable): Promise<void> {
  for (const group of groups) {
    for await (const found of scan(group, table.key.prefixOf(group.index), '', signal)) {
      const own = found.filter((key) => table.key.textsOf(key, group.index) !== null);
      await remove(group, own, signal);
    }
  }
}

async function remove({ connection, offsets }: Group, keys: readonly string[], signal: AbortSignal): Promise<void> {
  for (let at = 0; at < keys.length; at += CALL_KEYS) {
    const some = keys.slice(at, at + CALL_KEYS);
    await connection.run(signal, REMOVE, [offsets.key, ...some], [offsets.writer]);
  }
}
