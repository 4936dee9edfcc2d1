/** Truncate and the end of a snapshot: rows of a table below a version go, and late writes below it stay out. */
import type { RedisConfig } from './config.ts';
import type { Session } from './row-calls.ts';
import { jsonRowKey, RAISE, SWEEP_HASH, SWEEP_JSON, versionText } from './scripts.ts';
import type { Bounds, TargetTable } from './tables.ts';

const SCAN_KEYS = '1000';

/**
 * Walks over the keys of the database that start like the table's. A repeat of a sweep that was cut short goes over all of
 * them again; one that was done before is not repeated.
 */
export async function sweep(
  { connection, offsets, signal }: Session,
  table: TargetTable,
  as: RedisConfig['as'],
  below: bigint,
  bounds: Bounds,
): Promise<void> {
  if (below <= bounds.swept) return;
  const version = versionText(below);
  const raise = (field: string) =>
    connection.run(signal, RAISE, [offsets.key, table.stateKey], [offsets.writer, field, version, table.name]);
  // Invariant 7: the floor first, so that a sweep cut short lets nothing back in.
  await raise('floor');
  if (bounds.floor < below) bounds.floor = below;
  const [before, after] = as === 'hash' ? ['', ''] : [jsonRowKey('').slice(0, -1), '}'];
  const pattern = `${before}${escapeGlob(table.template.prefix)}*${after}`;
  let cursor = '0';
  do {
    const reply = await connection.call(signal, 'SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_KEYS);
    const [next, found] = reply as [string, string[]];
    const keys = as === 'hash' ? found : found.flatMap((key) => [key.slice(before.length, -after.length), key]);
    const script = as === 'hash' ? SWEEP_HASH : SWEEP_JSON;
    if (keys.length > 0)
      await connection.run(signal, script, [offsets.key, ...keys], [offsets.writer, table.id, version]);
    cursor = next;
  } while (cursor !== '0');
  await raise('swept');
  bounds.swept = below;
}

export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}
