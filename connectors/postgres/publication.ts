/** The publication: exactly the configured tables, made and altered by us unless the configuration names one. */
import { TailraceError } from '../../src/sdk/index.ts';
import type { CatalogTable, Rows } from './catalog.ts';
import type { SqlSession } from './connections.ts';
import { keyOf } from './descriptions.ts';
import { storedIdentity, unsendableIdentity } from './generated-identity.ts';
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
  /** Row filter, an SQL expression. */
  readonly filter: string | null;
}

export interface Publication {
  readonly name: string;
  /** Another one when it was dropped and made again. */
  readonly oid: string;
  /** Inserts, updates, deletes and truncates, all of them. */
  readonly whole: boolean;
  /** Stored generated columns are published where no column list says otherwise. */
  readonly generated: boolean;
  readonly tables: readonly PublishedTable[];
}

const PUBLICATION_SQL = `
  SELECT oid::int8::text AS oid, pubinsert AND pubupdate AND pubdelete AND pubtruncate AS whole,
    coalesce(to_jsonb(p) ->> 'pubgencols' = 's', false) AS generated
  FROM pg_publication p WHERE pubname = $1`;

/**
 * As JSON, because columns and filters are there from version 15 on only; so is FOR TABLES IN SCHEMA. Before version 18 the
 * view lists generated columns, which are not streamed.
 */
const TABLES_SQL = `
  SELECT p.schemaname || '.' || p.tablename AS label, c.oid::int8::text AS oid,
    coalesce(r.oid, s.oid, 0::oid)::int8::text AS entry, to_jsonb(p) ->> 'rowfilter' AS filter,
    (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND to_jsonb(p) -> 'attnames' ? a.attname::text
       AND (a.attgenerated = '' OR current_setting('server_version_num')::int >= 180000)) AS columns
  FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
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
  const [found] = await sql.rows<{ oid: string; whole: boolean; generated: boolean }>(PUBLICATION_SQL, [name]);
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

const tableList = (tables: readonly CapturedTable[]): string => tables.map(fromTable).join(', ');

const WHOLE = "publish = 'insert, update, delete, truncate', publish_via_partition_root = true";
const STORED = 'publish_generated_columns = stored';

export function createPublicationSql(name: string, tables: readonly CapturedTable[]): string {
  // Logical messages need one as well.
  const list = tables.length === 0 ? '' : `FOR TABLE ${tableList(tables)} `;
  const stored = tables.some(({ catalog }) => storedIdentity(catalog).length > 0) ? `, ${STORED}` : '';
  return `CREATE PUBLICATION ${quoteName(name)} ${list}WITH (publish_via_partition_root = true${stored});`;
}

/** A table whose rows cannot be told apart: publishing it would make the application's UPDATE and DELETE fail. */
export function withoutKey(table: CapturedTable): TailraceError | null {
  const { label, catalog } = table;
  const { oddLeaf, primaryKey } = catalog;
  if (keyOf(catalog).length === 0) {
    const remedy = keyRemedy(quoteTable(table), primaryKey.length > 0);
    return new TailraceError('source.not_ready', `${label} has no key by which the stream tells its rows apart`, {
      remedy,
    });
  }
  const unsendable = unsendableIdentity(catalog);
  if (unsendable.length > 0) {
    const message = `the replica identity of ${label} has generated columns that cannot be published: ${unsendable.join(', ')}`;
    return new TailraceError('source.not_ready', message, { remedy: plainRemedy(table) });
  }
  if (oddLeaf === null) return null;
  return new TailraceError('source.not_ready', `the partition ${oddLeaf} has another replica identity than ${label}`, {
    remedy: `give ${oddLeaf} the replica identity of ${label}: ALTER TABLE ${oddLeaf} REPLICA IDENTITY …;`,
  });
}

function keyRemedy(quoted: string, hasPrimaryKey: boolean): string {
  if (hasPrimaryKey) return `ALTER TABLE ${quoted} REPLICA IDENTITY DEFAULT;`;
  return `ALTER TABLE ${quoted} ADD PRIMARY KEY (…); (not DEFERRABLE), or a unique index over NOT NULL columns and ALTER TABLE ${quoted} REPLICA IDENTITY USING INDEX …;`;
}

/** An identity without generated columns. */
function plainRemedy(table: CapturedTable): string {
  const { catalog } = table;
  const hasPlainKey =
    catalog.primaryKey.length > 0 &&
    catalog.columns.every(({ name, generated }) => !generated || !catalog.primaryKey.includes(name));
  if (hasPlainKey) return `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY DEFAULT;`;
  return `a unique index over NOT NULL columns that are not generated and ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY USING INDEX …;`;
}

/**
 * With the publication as it is, or with one made without asking, the server would refuse the application's UPDATE and
 * DELETE of a table. It is not mended here: publishing generated columns adds columns to all tables that have some.
 */
export function generatedProblem(
  name: string,
  publication: Publication | undefined,
  tables: readonly CapturedTable[],
): { readonly message: string; readonly remedy: string } | null {
  for (const table of tables) {
    const published = publishedTable(publication, table);
    const isThere = (column: string) => published?.columns?.includes(column) ?? publication?.generated === true;
    const lost = storedIdentity(table.catalog).filter((column) => !isThere(column));
    // A column list that leaves out a key is told of as such.
    if (lost.length === 0 || (publication?.generated === true && table.catalog.identity !== 'f')) continue;
    const message = `the publication ${name} would make UPDATE and DELETE of ${table.label} fail: its replica identity has generated columns, which have to be published: ${lost.join(', ')}`;
    return { message, remedy: storedRemedy(name, publication, table, tables) };
  }
  return null;
}

function storedRemedy(
  name: string,
  publication: Publication | undefined,
  table: CapturedTable,
  tables: readonly CapturedTable[],
): string {
  const quoted = quoteName(name);
  if (publication === undefined) return createPublicationSql(name, tables);
  if (!publication.generated) return `ALTER PUBLICATION ${quoted} SET (${STORED});`;
  const filter = publishedTable(publication, table)?.filter ?? null;
  const where = filter === null ? '' : ` WHERE (${filter})`;
  const from = fromTable(table);
  return `ALTER PUBLICATION ${quoted} DROP TABLE ${from}; ALTER PUBLICATION ${quoted} ADD TABLE ${from}${where};`;
}

/** What keeps a publication of the user's from being used, with the remedy; null when nothing does. */
export function publicationProblem(
  name: string,
  publication: Publication | undefined,
  tables: readonly CapturedTable[],
): { readonly message: string; readonly remedy: string } | null {
  const quoted = quoteName(name);
  if (publication === undefined) {
    return { message: `the publication ${name} does not exist`, remedy: createPublicationSql(name, tables) };
  }
  if (!publication.whole) {
    const remedy = `ALTER PUBLICATION ${quoted} SET (publish = 'insert, update, delete, truncate');`;
    return { message: `the publication ${name} leaves out some kinds of changes`, remedy };
  }
  const generated = generatedProblem(name, publication, tables);
  if (generated !== null) return generated;
  const missing = tables.filter((table) => publishedTable(publication, table) === undefined);
  if (missing.length === 0) return keyProblem(publication, tables);
  const message = `the publication ${name} does not publish ${missing.map(({ label }) => label).join(', ')}`;
  const add = `ALTER PUBLICATION ${quoted} ADD TABLE ${tableList(missing)};`;
  const root = `ALTER PUBLICATION ${quoted} SET (publish_via_partition_root = true);`;
  return { message, remedy: missing.some(({ catalog }) => catalog.relkind === 'p') ? `${add} ${root}` : add };
}

/** A column list without the key: the server refuses the application's UPDATE and DELETE, and our rows cannot be told apart. */
function keyProblem(
  publication: Publication,
  tables: readonly CapturedTable[],
): { readonly message: string; readonly remedy: string } | null {
  for (const table of tables) {
    const { columns, filter } = publishedTable(publication, table)!;
    const lost = columns === null ? [] : keyOf(table.catalog).filter((name) => !columns.includes(name));
    if (lost.length === 0) continue;
    const list = [...lost, ...columns!].map(quoteName).join(', ');
    const where = filter === null ? '' : ` WHERE (${filter})`;
    const name = quoteName(publication.name);
    return {
      message: `the publication ${publication.name} leaves out columns of the key of ${table.label}: ${lost.join(', ')}`,
      remedy: `ALTER PUBLICATION ${name} DROP TABLE ${fromTable(table)}; ALTER PUBLICATION ${name} ADD TABLE ${fromTable(table)} (${list})${where};`,
    };
  }
  return null;
}

/**
 * The publication as it is to be used from a new slot on. Ours is made, or altered to hold exactly `tables`; one that the
 * user named has to hold them. Throws `source.not_ready`.
 */
export async function ensurePublication(
  sql: SqlSession,
  { name, managed }: { readonly name: string; readonly managed: boolean },
  tables: readonly CapturedTable[],
): Promise<Publication> {
  const present = await findPublication(sql, name);
  if (managed) {
    for (const table of tables) {
      const refusal = withoutKey(table);
      if (refusal !== null) throw refusal;
    }
    const generated = generatedProblem(name, present, tables);
    if (generated !== null) {
      throw new TailraceError('source.not_ready', generated.message, { remedy: generated.remedy });
    }
    if (present === undefined) await sql.rows(createPublicationSql(name, tables));
    else {
      const hidden = tables.some((table) => table.catalog.relkind === 'p' && !publishedTable(present, table));
      if (!present.whole || hidden) await sql.rows(`ALTER PUBLICATION ${quoteName(name)} SET (${WHOLE})`);
      await setTables(sql, present, tables);
    }
  }
  const publication = managed ? await findPublication(sql, name) : present;
  const problem = publicationProblem(name, publication, tables);
  if (problem !== null) throw new TailraceError('source.not_ready', problem.message, { remedy: problem.remedy });
  return publication!;
}

/** Tables that are there already keep their entry. */
async function setTables(sql: SqlSession, present: Publication, tables: readonly CapturedTable[]): Promise<void> {
  // A list cannot be empty; what is published and not captured is not read.
  if (tables.length === 0) return;
  const same = tables.every((table) => publishedTable(present, table)) && present.tables.length === tables.length;
  if (!same) await sql.rows(`ALTER PUBLICATION ${quoteName(present.name)} SET TABLE ${tableList(tables)}`);
}
