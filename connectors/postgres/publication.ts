/** What a publication publishes, as the server's catalog has it, and the SQL that makes one. */
import type { CatalogTable, Rows } from './catalog.ts';
import type { SqlSession } from './connections.ts';
import { storedIdentity } from './generated-identity.ts';
import { quoteName, quoteTable, type TableName } from './names.ts';

export interface CapturedTable extends TableName {
  readonly catalog: CatalogTable;
}

export interface PublishedTable {
  readonly label: string;
  readonly oid: number;
  /** Of the catalog row that puts it there: another one when the table was taken out and put in again. `0`: FOR ALL TABLES. */
  readonly entry: string;
  /** In the table's order; null before version 15, which publishes all. */
  readonly columns: readonly string[] | null;
  /** It has a column list, be it of all columns. */
  readonly listed: boolean;
  /** Row filter, an SQL expression. */
  readonly filter: string | null;
  /** Transaction id that put it there; null where its schema is published. */
  readonly xmin: string | null;
  /** Columns that its row filter uses, also where `filter` has no effect because its schema is published as well. */
  readonly filterColumns: readonly string[];
}

export interface Publication {
  readonly name: string;
  /** Another one when it was dropped and made again. */
  readonly oid: string;
  /** Transaction id that made it, or altered what it publishes or whose it is. */
  readonly xmin: string;
  readonly comment: string | null;
  /** Inserts, updates, deletes and truncates, all of them. */
  readonly whole: boolean;
  /** Stored generated columns are published where no column list says otherwise. */
  readonly generated: boolean;
  readonly tables: readonly PublishedTable[];
}

const PUBLICATION_SQL = `
  SELECT oid::int8::text AS oid, pubinsert AND pubupdate AND pubdelete AND pubtruncate AS whole,
    coalesce(to_jsonb(p) ->> 'pubgencols' = 's', false) AS generated, p.xmin::text AS xmin,
    obj_description(p.oid, 'pg_publication') AS comment
  FROM pg_publication p WHERE pubname = $1`;

/** Of the entry `r` and the table `c`: its expression tree names columns by their numbers. */
const FILTER_COLUMNS = `
    ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum IN (
      SELECT m[1]::int FROM regexp_matches(to_jsonb(r) ->> 'prqual', ':varattno (\\d+)', 'g') m) ORDER BY a.attnum)`;

/**
 * As JSON, because columns and filters are there from version 15 on only; so is FOR TABLES IN SCHEMA. Before version 18 the
 * view lists generated columns, which are not streamed.
 */
const TABLES_SQL = `
  SELECT p.schemaname || '.' || p.tablename AS label, c.oid::int8::text AS oid,
    coalesce(r.oid, s.oid, 0::oid)::int8::text AS entry, to_jsonb(p) ->> 'rowfilter' AS filter,
    CASE WHEN s.oid IS NULL THEN coalesce(r.xmin, o.xmin)::text END AS xmin, to_jsonb(r) ->> 'prattrs' IS NOT NULL AS listed, ${FILTER_COLUMNS} AS "filterColumns",
    (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND to_jsonb(p) -> 'attnames' ? a.attname::text
       AND (a.attgenerated = '' OR current_setting('server_version_num')::int >= 180000)) AS columns
  FROM pg_publication_tables p JOIN pg_publication o ON o.oid = $2::int8::oid JOIN pg_namespace n ON n.nspname = p.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
  LEFT JOIN pg_publication_rel r ON r.prpubid = $2::int8::oid AND r.prrelid = c.oid
  LEFT JOIN LATERAL (
    SELECT ofpub.objid AS oid FROM pg_depend ofpub JOIN pg_depend ofschema USING (classid, objid)
    JOIN pg_class k ON k.oid = ofpub.classid AND k.relname = 'pg_publication_namespace'
    WHERE ofpub.refclassid = 'pg_publication'::regclass AND ofpub.refobjid = $2::int8::oid
      AND ofschema.refclassid = 'pg_namespace'::regclass AND ofschema.refobjid = n.oid) s ON true
  WHERE p.pubname = $1`;

/** Undefined when there is no such publication. */
export async function findPublication(sql: SqlSession, name: string): Promise<Publication | undefined> {
  const [found] = await sql.rows<Omit<Publication, 'name' | 'tables'>>(PUBLICATION_SQL, [name]);
  if (found === undefined) return undefined;
  const tables = await sql.rows<PublishedTable & { oid: string }>(TABLES_SQL, [name, found.oid]);
  return { name, ...found, tables: tables.map((table) => ({ ...table, oid: Number(table.oid) })) };
}

/**
 * What it says of one table in the transaction of `rows`: also without a column list its columns are those of that moment.
 * Undefined when the table is not published under the name and the identity that we know.
 */
export async function publishedNow(
  rows: Rows,
  { name, oid }: Publication,
  { schema, table, catalog }: CapturedTable,
): Promise<PublishedTable | undefined> {
  const sql = `${TABLES_SQL} AND p.schemaname = $3 AND p.tablename = $4`;
  const [found] = await rows<PublishedTable & { oid: string }>(sql, [name, oid, schema, table]);
  return found === undefined || Number(found.oid) !== catalog.oid ? undefined : { ...found, oid: catalog.oid };
}

/** What the publication says of a table, under the name and the identity that we know. */
export function publishedTable(
  publication: Publication | undefined,
  { label, catalog }: CapturedTable,
): PublishedTable | undefined {
  return publication?.tables.find((table) => table.oid === catalog.oid && table.label === label);
}

/** Partitions belong to their root; the children of an inheritance tree are tables of their own. */
export function fromTable(table: CapturedTable): string {
  return table.catalog.relkind === 'p' ? quoteTable(table) : `ONLY ${quoteTable(table)}`;
}

/** As CREATE and ALTER PUBLICATION take them. */
export const tableList = (tables: readonly CapturedTable[]): string => tables.map(fromTable).join(', ');

export const WHOLE = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";
const STORED = 'publish_generated_columns = stored';

export function createPublicationSql(name: string, tables: readonly CapturedTable[]): string {
  // Logical messages need one as well.
  const list = tables.length === 0 ? '' : `FOR TABLE ${tableList(tables)} `;
  const stored = tables.some(({ catalog }) => storedIdentity(catalog).length > 0) ? `, ${STORED}` : '';
  return `CREATE PUBLICATION ${quoteName(name)} ${list}WITH (publish_via_partition_root = true${stored});`;
}
