/**
 * Has the publication published the captured tables without a break since the position was saved? What was not published
 * is not in the stream, and nothing in the stream says so (Invariant 5).
 */
import { catalogTable, type Rows } from './catalog.ts';
import { parseLsn } from './lsn.ts';
import { isLoose, type SourceOptions } from './names.ts';
import type { PostgresPosition } from './position.ts';
import { type CapturedTable, type Publication, publishedTable } from './publication.ts';
import { gap } from './source-errors.ts';

/**
 * Throws `source.gap` when it has not. Tables that are not in the position yet are not asked about.
 * @param publication only its name when there is none
 */
export function checkContinuity(
  publication: Publication | string,
  tables: readonly CapturedTable[],
  position: PostgresPosition,
): void {
  const since = `changes after ${position.lsn} may be lost`;
  if (typeof publication === 'string') throw gap(`the publication ${publication} was dropped: ${since}`);
  const { name } = publication;
  if (position.publication !== null && publication.oid !== position.publication) {
    throw gap(`the publication ${name} was dropped and made anew: ${since}`);
  }
  if (!publication.whole) throw gap(`the publication ${name} leaves out some kinds of changes by now: ${since}`);
  for (const table of tables) {
    const known = position.tables[table.label];
    if (known === undefined) continue;
    if (known.oid !== table.catalog.oid) {
      throw gap(`${table.label} is another table than the one that was captured: it was dropped or renamed, ${since}`);
    }
    const entry = publishedTable(publication, table)?.entry;
    if (entry === undefined) throw gap(`the publication ${name} does not publish ${table.label} any more: ${since}`);
    if (entry !== known.entry) {
      throw gap(`${table.label} was taken out of the publication ${name} and put in again: ${since}`);
    }
  }
}

/** Loose tables that are not there any more, or are others of their name. */
export async function goneTables(
  publication: Publication | undefined,
  tables: readonly CapturedTable[],
  options: SourceOptions,
  rows: Rows,
): Promise<readonly CapturedTable[]> {
  const gone: CapturedTable[] = [];
  for (const table of tables) {
    if (!isLoose(options, table) || publishedTable(publication, table) !== undefined) continue;
    if ((await catalogTable(rows, table))?.oid !== table.catalog.oid) gone.push(table);
  }
  return gone;
}

/** Where the server writes; on a standby, what it has replayed. */
export async function walPosition(rows: Rows): Promise<bigint> {
  const [row] = await rows<{ lsn: string }>(
    'SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS lsn',
  );
  return parseLsn(row!.lsn);
}
