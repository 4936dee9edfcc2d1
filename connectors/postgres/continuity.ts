/**
 * Has the publication published the captured tables without a break since the position was saved? What was not published
 * is not in the stream, and nothing in the stream says so (Invariant 5): docs/decisions/2026-11-25-publications-made-anew.md.
 */
import type { TailraceError } from '../../src/sdk/index.ts';
import { catalogTable, type Rows } from './catalog.ts';
import type { SqlSession } from './connections.ts';
import { parseLsn } from './lsn.ts';
import { isLoose, quoteLiteral, quoteName, type SourceOptions } from './names.ts';
import type { PostgresPosition } from './position.ts';
import {
  type CapturedTable,
  findPublication,
  type Publication,
  type PublishedTable,
  publishedTable,
} from './publication.ts';
import { findSlot } from './slot.ts';
import { gap, PublicationGap } from './source-errors.ts';

const MAX_OTHERS = 100;

/** What the catalog shows of the past. */
interface Evidence {
  readonly publication: Publication | undefined;
  /** The one that was read up to the position; undefined: it is not there any more. */
  readonly former: Publication | undefined;
  /** Transactions of lower ids ended before what the slot has confirmed; null: not known. */
  readonly horizon: string | null;
}

/**
 * Throws `source.gap` when it has not. Tables that are not in the position yet are not asked about.
 * @param publication undefined: there is none of that name
 */
export async function requireContinuity(
  sql: SqlSession,
  name: string,
  publication: Publication | undefined,
  tables: readonly CapturedTable[],
  position: PostgresPosition,
): Promise<void> {
  const known = tables.filter(({ label }) => position.tables[label] !== undefined);
  const isSame = publication !== undefined && (position.publication ?? publication.oid) === publication.oid;
  const former = isSame ? publication : await publicationOfOid(sql, position.publication);
  const horizon = (await findSlot(sql, position.slot))?.catalog_xmin ?? null;
  const what = breach({ publication, former, horizon }, name, known, position);
  if (what === null) return;
  const error = new PublicationGap(`${what}: changes after ${position.lsn} may be lost`);
  throw await withWayOut(error, sql, name, known, position);
}

/** What broke the publication of the tables; null: nothing did. */
function breach(
  { publication, former, horizon }: Evidence,
  name: string,
  tables: readonly CapturedTable[],
  position: PostgresPosition,
): string | null {
  const { label } = tables.find((table) => position.tables[table.label]!.oid !== table.catalog.oid) ?? {};
  if (label !== undefined) return `${label} is another table than the one that was captured: it was dropped or renamed`;
  if (publication === undefined) return `the publication ${name} was dropped`;
  if (isVouchedFor(publication) && (isMadeWhole(publication, tables) || isUnbroken(publication, tables, horizon)))
    return null;
  const broken = former === undefined ? null : change(former, tables, position);
  if (publication === former) return broken;
  if (former !== undefined && broken === null) {
    if (isUnbroken(publication, tables, horizon)) return null;
    return `the publication ${name} is younger than the position, which was read from ${former.name}`;
  }
  return `the publication ${name} was dropped and made anew`;
}

/** What is another thing than at the position; null: nothing. */
function change(
  { name, whole, xmin, ...publication }: Publication,
  tables: readonly CapturedTable[],
  position: PostgresPosition,
): string | null {
  if (!whole) return `the publication ${name} leaves out some kinds of changes by now`;
  // Its options may have been others for a while.
  if (position.altered !== null && xmin !== position.altered) return `the publication ${name} was altered`;
  for (const table of tables) {
    const entry = publishedTable({ name, whole, xmin, ...publication }, table)?.entry;
    const { label } = table;
    if (entry === undefined) return `the publication ${name} does not publish ${label} any more`;
    if (entry !== position.tables[label]!.entry) {
      return `${label} was taken out of the publication ${name} and put in again`;
    }
  }
  return null;
}

/** It was as it is, with these tables, before what the slot has confirmed. */
function isUnbroken(publication: Publication, tables: readonly CapturedTable[], horizon: string | null): boolean {
  if (horizon === null || !publication.whole || !precedes(publication.xmin, horizon)) return false;
  return tables.every((table) => {
    const { xmin = null } = publishedTable(publication, table) ?? {};
    return xmin !== null && precedes(xmin, horizon);
  });
}

/** Below 3 they are of no transaction, and older than any. Others come round after 2^32: half of them are before each. */
function precedes(xid: string, other: string): boolean {
  return Number(xid) < 3 || ((Number(xid) - Number(other)) | 0) < 0;
}

/**
 * Somebody says that up to the position nothing was left out of these tables. What was written while there was no publication
 * of this name ends the stream: by an error of the server, from version 18 on by a warning.
 */
const isVouchedFor = (publication: Publication) => publication.comment === vouching(publication);

const vouching = ({ oid, xmin }: Publication) => `tailrace goes on with ${oid}/${xmin}`;

/** In one transaction, with nothing left out of these tables. */
function isMadeWhole(publication: Publication, tables: readonly CapturedTable[]): boolean {
  if (!publication.whole) return false;
  return tables.every((table) => {
    const published = publishedTable(publication, table);
    return published?.xmin === publication.xmin && !isNarrow(published);
  });
}

const isNarrow = ({ listed, filter }: PublishedTable) => listed || filter !== null;

async function publicationOfOid(sql: SqlSession, oid: string | null): Promise<Publication | undefined> {
  const [found] = await sql.rows<{ name: string }>(
    'SELECT pubname::text AS name FROM pg_publication WHERE oid = $1::int8::oid',
    [oid],
  );
  return found === undefined ? undefined : findPublication(sql, found.name);
}

/** The error, with the way out that there is; others as they are. */
export async function withWayOut(
  error: unknown,
  sql: SqlSession,
  name: string,
  tables: readonly CapturedTable[],
  position: PostgresPosition,
): Promise<unknown> {
  if (!(error instanceof PublicationGap)) return error;
  try {
    const slot = await findSlot(sql, position.slot);
    if (slot === undefined) return lostSlot(position);
    const way = await wayOut(sql, name, tables, slot.catalog_xmin);
    return way === null ? error : gap(error.message, `${way}. Otherwise ${error.remedy}`);
  } catch {
    return error;
  }
}

function lostSlot({ slot, lsn }: PostgresPosition): TailraceError {
  return gap(`the replication slot ${slot} does not exist any more: changes after ${lsn} are lost`);
}

/** What to do so that the stream goes on without a new snapshot; null: nothing helps. */
async function wayOut(
  sql: SqlSession,
  name: string,
  tables: readonly CapturedTable[],
  horizon: string | null,
): Promise<string | null> {
  const never = 'if no publication that was read here was ever without one of the tables';
  const other = await otherPublication(sql, name, tables, horizon);
  if (other !== null) {
    return `${other.name} has published the tables all the time: ${never}, ${comment(other)} set \`publication: ${other.name}\` on the source, then start Tailrace`;
  }
  const publication = await findPublication(sql, name);
  if (publication === undefined || isVouchedFor(publication) || !isMadeWhole(publication, tables)) return null;
  return `${never}: ${comment(publication)} then start Tailrace, which stops again if anything was written while there was none`;
}

function comment(publication: Publication): string {
  return `COMMENT ON PUBLICATION ${quoteName(publication.name)} IS ${quoteLiteral(vouching(publication)).trim()};`;
}

/** Another that can be read in its place from where the slot is; null: there is none. */
async function otherPublication(
  sql: SqlSession,
  name: string,
  tables: readonly CapturedTable[],
  horizon: string | null,
): Promise<Publication | null> {
  const others = await sql.rows<{ name: string }>(
    `SELECT pubname::text AS name FROM pg_publication WHERE pubname <> $1 ORDER BY 1 LIMIT ${MAX_OTHERS}`,
    [name],
  );
  for (const other of others) {
    const publication = await findPublication(sql, other.name);
    if (publication === undefined || !isUnbroken(publication, tables, horizon)) continue;
    if (!tables.some((table) => isNarrow(publishedTable(publication, table)!))) return publication;
  }
  return null;
}

/**
 * Whether a source that stopped at a gap can go on from there: another publication is read now, or somebody vouches for this
 * one. Throws `source.gap` where there is another publication and it cannot.
 */
export async function isMended(
  sql: SqlSession,
  name: string,
  tables: readonly CapturedTable[],
  position: PostgresPosition,
): Promise<boolean> {
  const publication = await findPublication(sql, name);
  if (publication === undefined) return false;
  const isOther = position.publication !== null && publication.oid !== position.publication;
  const isAltered = position.altered !== null && publication.xmin !== position.altered;
  if (!isOther && !isAltered) return false;
  await requireContinuity(sql, name, publication, tables, position);
  return true;
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
