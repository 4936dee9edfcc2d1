/** The publication: exactly the configured tables, made and altered by us unless the configuration names one. */
import { TailraceError } from '../../src/sdk/index.ts';
import type { CatalogTable } from './catalog.ts';
import type { SqlSession } from './connections.ts';
import { keyOf } from './descriptions.ts';
import { quoteName, quoteTable, type TableName } from './names.ts';
import { gap } from './source-errors.ts';

export interface CapturedTable extends TableName {
  readonly catalog: CatalogTable;
}

interface Published {
  readonly label: string;
  readonly oid: string;
}

/** Undefined when there is no such publication. `all`: FOR ALL TABLES or FOR TABLES IN SCHEMA reach what is published. */
async function published(sql: SqlSession, name: string): Promise<readonly Published[] | undefined> {
  const [found] = await sql.rows('SELECT 1 FROM pg_publication WHERE pubname = $1', [name]);
  if (found === undefined) return undefined;
  return sql.rows<Published>(
    `SELECT p.schemaname || '.' || p.tablename AS label, c.oid::int8::text AS oid
     FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
     JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename WHERE p.pubname = $1`,
    [name],
  );
}

function tableList(tables: readonly CapturedTable[]): string {
  // Without ONLY the children of an inheritance tree would be published, under their own names.
  return tables
    .map((table) => (table.catalog.relkind === 'p' ? quoteTable(table) : `ONLY ${quoteTable(table)}`))
    .join(', ');
}

export function createPublicationSql(name: string, tables: readonly CapturedTable[]): string {
  return `CREATE PUBLICATION ${quoteName(name)} FOR TABLE ${tableList(tables)} WITH (publish_via_partition_root = true);`;
}

/** A table whose rows cannot be told apart: publishing it would make the application's UPDATE and DELETE fail. */
export function withoutKey({ label, catalog }: CapturedTable): TailraceError | null {
  if (catalog.identity !== 'f' ? keyOf(catalog).length > 0 : catalog.primaryKey.length > 0) return null;
  return new TailraceError('source.not_ready', `${label} has no primary key, so its rows cannot be told apart`, {
    remedy: keyRemedy({ label, catalog }),
  });
}

export function keyRemedy({ label, catalog }: Pick<CapturedTable, 'label' | 'catalog'>): string {
  const quoted = quoteTable({
    schema: label.slice(0, label.indexOf('.')),
    table: label.slice(label.indexOf('.') + 1),
    label,
  });
  if (catalog.primaryKey.length > 0) return `ALTER TABLE ${quoted} REPLICA IDENTITY DEFAULT;`;
  return `ALTER TABLE ${quoted} ADD PRIMARY KEY (…); or a unique index over NOT NULL columns and ALTER TABLE ${quoted} REPLICA IDENTITY USING INDEX …;`;
}

/**
 * Makes the publication hold exactly `tables`. Resolves to the transaction id of an ALTER that added tables, or null: what
 * runs beside it may have written to them unpublished, so their snapshots wait for its end.
 * @param resuming the stream goes on from a position: a publication that is gone cannot be made anew for it
 */
export async function ensurePublication(
  sql: SqlSession,
  { name, managed }: { readonly name: string; readonly managed: boolean },
  tables: readonly CapturedTable[],
  resuming: boolean,
): Promise<string | null> {
  const present = await published(sql, name);
  const missing = tables.filter(({ catalog }) => !present?.some(({ oid }) => Number(oid) === catalog.oid));
  if (!managed) {
    if (present !== undefined && missing.length === 0) return null;
    const labels = missing.map(quoteTable).join(', ');
    throw new TailraceError('source.not_ready', `the publication ${name} does not publish ${labels}`, {
      remedy:
        present === undefined
          ? createPublicationSql(name, tables)
          : `ALTER PUBLICATION ${quoteName(name)} ADD TABLE ${labels};`,
    });
  }
  for (const table of tables) {
    const refusal = withoutKey(table);
    if (refusal !== null) throw refusal;
  }
  if (present === undefined) {
    if (resuming) throw gap(`the publication ${name} was dropped: changes since then are lost`);
    await sql.rows(createPublicationSql(name, tables));
    return null;
  }
  if (missing.length === 0 && present.length === tables.length) return null;
  await sql.rows(`ALTER PUBLICATION ${quoteName(name)} SET TABLE ${tableList(tables)}`);
  const [row] = await sql.rows<{ xid: string }>('SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS xid');
  return missing.length === 0 ? null : row!.xid;
}

/** Tables that are not published any more though they should be. */
export async function unpublished(
  sql: SqlSession,
  name: string,
  tables: readonly CapturedTable[],
): Promise<readonly string[]> {
  const present = await published(sql, name);
  return tables
    .filter(({ catalog }) => !present?.some(({ oid }) => Number(oid) === catalog.oid))
    .map(({ label }) => label);
}
