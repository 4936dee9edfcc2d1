/** All tables of the database that could be captured, and why others cannot: for patterns under `tables:`. */
import type { FoundTable } from '../../src/sdk/index.ts';
import { SqlSession } from './connections.ts';
import { publicationOf, quoteName, quoteTable, type SourceOptions } from './names.ts';

interface FoundRow {
  readonly schema: string;
  readonly name: string;
  readonly user: string;
  readonly logged: boolean;
  readonly keyed: boolean;
  readonly even: boolean;
  readonly owned: boolean;
  readonly readable: boolean;
  readonly policed: boolean;
  readonly published: boolean;
}

/**
 * Not partitions, which belong to their root, nor tables of extensions. `keyed`: as `keyOf` has it, without the columns.
 * `even`: no partition is identified in another way than its root.
 */
const TABLES_SQL = `
  SELECT n.nspname::text AS schema, c.relname::text AS name, quote_ident(current_user) AS user, c.relpersistence = 'p' AS logged,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indimmediate
      AND CASE c.relreplident WHEN 'n' THEN false WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END) AS keyed,
    c.relkind = 'r' OR NOT EXISTS (
      SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
      WHERE t.isleaf AND (l.relreplident <> c.relreplident OR c.relreplident = 'i')) AS even,
    pg_has_role(c.relowner, 'USAGE') AS owned,
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable, row_security_active(c.oid) AS policed,
    (n.nspname, c.relname) IN (SELECT p.schemaname, p.tablename FROM pg_publication_tables p WHERE p.pubname = $1) AS published
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
    AND n.nspname NOT LIKE 'pg\\_%' AND position('.' IN n.nspname) = 0
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  ORDER BY 1, 2`;

/** With a session of its own. */
export async function tablesOfSource(options: SourceOptions): Promise<readonly FoundTable[]> {
  const sql = new SqlSession(options);
  try {
    return await foundTables(options, sql);
  } finally {
    await sql.close();
  }
}

export async function foundTables(options: SourceOptions, sql: SqlSession): Promise<readonly FoundTable[]> {
  const publication = publicationOf(options);
  const rows = await sql.rows<FoundRow>(TABLES_SQL, [publication.name]);
  return rows.map((row) => ({ name: `${row.schema}.${row.name}`, unfit: unfitness(row, publication) }));
}

/** What would stop the whole source if the table were captured. */
function unfitness(
  row: FoundRow,
  publication: { readonly name: string; readonly managed: boolean },
): FoundTable['unfit'] {
  const label = `${row.schema}.${row.name}`;
  const quoted = quoteTable({ schema: row.schema, table: row.name, label });
  if (!row.logged) {
    return { message: `${label} is unlogged`, remedy: `ALTER TABLE ${quoted} SET LOGGED;` };
  }
  if (!row.keyed) {
    return { message: `${label} has no primary key`, remedy: `ALTER TABLE ${quoted} ADD PRIMARY KEY (…);` };
  }
  if (!row.even) {
    const remedy = `name ${label} itself under \`tables:\`; \`tailrace check\` then says which partition it is`;
    return { message: `a partition of ${label} may have another replica identity`, remedy };
  }
  if (!row.readable) {
    const usage = `GRANT USAGE ON SCHEMA ${quoteName(row.schema)} TO ${row.user};`;
    return {
      message: `${row.user} may not read ${label}`,
      remedy: `${usage} GRANT SELECT ON ${quoted} TO ${row.user};`,
    };
  }
  if (row.policed) {
    const message = `row-level security hides rows of ${label} from ${row.user}`;
    return { message, remedy: `ALTER ROLE ${row.user} BYPASSRLS;` };
  }
  if (publication.managed && !row.owned) {
    const message = `${row.user} may not publish ${label}, which belongs to another role`;
    return {
      message,
      remedy: `ALTER TABLE ${quoted} OWNER TO ${row.user}; or: make ${row.user} a member of its owner`,
    };
  }
  if (!publication.managed && !row.published) {
    const remedy = `ALTER PUBLICATION ${quoteName(publication.name)} ADD TABLE ${quoted};`;
    return { message: `the publication ${publication.name} does not publish ${label}`, remedy };
  }
  return null;
}
