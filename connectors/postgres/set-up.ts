/** What must be true before anything is read: the server, the tables, the publication, the slot, the position. */
import { TailraceError } from '../../src/sdk/index.ts';
import { catalogTable, type Rows } from './catalog.ts';
import { connectReplication, type SqlSession } from './connections.ts';
import { checkIncarnation, identify } from './incarnation.ts';
import { publicationOf, type SourceOptions, slotOf, tableName } from './names.ts';
import type { PostgresPosition } from './position.ts';
import { type CapturedTable, ensurePublication } from './publication.ts';
import { checkSlot, createSlot, dropSlot, findSlot, refuseExisting } from './slot.ts';

const WAIT_MS = 200;

export interface Prepared {
  readonly position: PostgresPosition;
  readonly tables: readonly CapturedTable[];
  /** Tables of which no snapshot is in the position, in the order of the configuration. */
  readonly unread: readonly CapturedTable[];
  /** Transaction id below which running transactions may have written to `unread` unpublished; null: none. */
  readonly alteredAt: string | null;
}

/** Throws typed errors; `source.gap` where the position cannot be gone on from (Invariant 11). */
export async function prepare(
  options: SourceOptions,
  sql: SqlSession,
  from: PostgresPosition | null,
): Promise<Prepared> {
  const tables = await capturedTables(options, sql);
  const client = await connectReplication(options);
  try {
    const incarnation = await identify(client);
    const slot = slotOf(options);
    const publication = publicationOf(options);
    if (from === null) {
      // Of a start that died before its first position was saved, or of a history that was given up.
      if (options.config.slot !== undefined) await refuseExisting(sql, slot);
      const dropped = await dropSlot(sql, slot);
      if (dropped) options.context.log('warn', 'replication slot of an earlier start dropped', { slot });
      await ensurePublication(sql, publication, tables, false);
      const lsn = await createSlot(sql, slot);
      const position: PostgresPosition = { v: 1, ...incarnation, slot, lsn, tables: {} };
      return { position, tables, unread: toRead(options, position, tables), alteredAt: null };
    }
    await checkIncarnation(client, from, incarnation);
    checkSlot(await findSlot(sql, slot), slot, from);
    const alteredAt = await ensurePublication(sql, publication, tables, true);
    const labels = new Set(tables.map(({ label }) => label));
    const kept = Object.entries(from.tables).filter(([label]) => labels.has(label));
    const position = { ...from, ...incarnation, tables: Object.fromEntries(kept) };
    return { position, tables, unread: toRead(options, position, tables), alteredAt };
  } finally {
    await client.end().catch(() => {});
  }
}

function toRead(
  { snapshot }: SourceOptions,
  position: PostgresPosition,
  tables: readonly CapturedTable[],
): readonly CapturedTable[] {
  if (snapshot === 'never') return [];
  return tables.filter(({ label, catalog }) => position.tables[label]?.oid !== catalog.oid);
}

async function capturedTables(options: SourceOptions, sql: SqlSession): Promise<readonly CapturedTable[]> {
  const rows: Rows = (text, values) => sql.rows(text, values);
  const tables: CapturedTable[] = [];
  for (const label of options.tables) {
    const name = tableName(label);
    const catalog = await catalogTable(rows, name);
    if (catalog === undefined) {
      throw new TailraceError('source.not_ready', `the table ${label} does not exist`, {
        remedy: 'correct it under `tables:` of the source, or create it',
      });
    }
    tables.push({ ...name, catalog });
  }
  return tables;
}

/** Until no transaction runs that was there at `xid`. */
export async function waitForOlderTransactions(
  options: SourceOptions,
  sql: SqlSession,
  xid: string,
  signal: AbortSignal,
): Promise<void> {
  for (let told = false; ; told = true) {
    const [row] = await sql.rows<{ over: boolean }>(
      'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::numeric >= $1::numeric AS over',
      [xid],
    );
    if (row!.over) return;
    if (!told) options.context.log('info', 'added tables are read when the transactions now running have ended');
    await options.context.clock.sleep(WAIT_MS, signal);
  }
}
