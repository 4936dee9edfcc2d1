/** Tables beside the sink's own, which take their place in one transaction. */
import type pg from 'pg';
import type { SinkOpenOptions, TargetSwap } from '../../src/sdk/index.ts';
import { quoteIdentifier as quote } from '../../src/sdk/sql-target/identifiers.ts';
import { openClient } from './open-client.ts';
import { type SinkConfig, serviceSchema, shadowSuffix } from './sink-config.ts';
import { asSinkError } from './sink-errors.ts';

type Shadow = Pick<TargetSwap, 'tag' | 'shadowId'>;

/** Of the tables that were replaced: one generation of them is kept. */
const OLD = '__old';

export function swapPostgres(options: SinkOpenOptions<SinkConfig>, swap: TargetSwap): Promise<readonly string[]> {
  return inTransaction(options, (client) => swapTables(client, options, swap));
}

export function dropPostgres(options: SinkOpenOptions<SinkConfig>, swap: Shadow): Promise<void> {
  return inTransaction(options, (client) => dropTables(client, options, swap));
}

async function inTransaction<T>(
  { config, id }: SinkOpenOptions<SinkConfig>,
  act: (client: pg.Client) => Promise<T>,
): Promise<T> {
  let client: pg.Client | undefined;
  try {
    client = await openClient({ url: config.url, side: 'sink', applicationName: `tailrace ${id}` });
    await client.query('BEGIN');
    const result = await act(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    throw asSinkError(error, { url: config.url });
  } finally {
    await client?.end().catch(() => {});
  }
}

interface Found {
  readonly schema: string;
  readonly name: string;
}

/** Tables with the suffix; with a configured schema only there. */
async function shadows(client: pg.Client, { schema }: SinkConfig, tag: string): Promise<readonly Found[]> {
  const { rows } = await client.query<Found>(
    `SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND right(c.relname, $1) = $2 AND ($3::text IS NULL OR n.nspname = $3) ORDER BY 1, 2`,
    [shadowSuffix(tag).length, shadowSuffix(tag), schema ?? null],
  );
  return rows;
}

async function swapTables(
  client: pg.Client,
  { config, id }: SinkOpenOptions<SinkConfig>,
  { tag, shadowId, generation }: TargetSwap,
): Promise<readonly string[]> {
  const services = quote(serviceSchema(config));
  const notes: string[] = [];
  for (const { schema, name: shadow } of await shadows(client, config, tag)) {
    const name = shadow.slice(0, -shadowSuffix(tag).length);
    notes.push(...(await replaceTable(client, schema, name, shadow)));
    for (const table of ['_tr_floor', '_tr_deleted']) {
      await client.query(`DELETE FROM ${services}.${table} WHERE table_name = $1`, [`${schema}.${name}`]);
      const labels = [`${schema}.${name}`, `${schema}.${shadow}`];
      await client.query(`UPDATE ${services}.${table} SET table_name = $1 WHERE table_name = $2`, labels);
    }
  }
  const offsets = `${services}._tr_offsets`;
  const { rowCount } = await client.query(`SELECT 1 FROM ${offsets} WHERE sink = $1`, [shadowId]);
  if (rowCount === 0) return notes;
  await client.query(`DELETE FROM ${offsets} WHERE sink = $1`, [id]);
  await client.query(`UPDATE ${offsets} SET sink = $1, generation = $2 WHERE sink = $3`, [id, generation, shadowId]);
  return notes;
}

/** The old table keeps its rows under another name; what was granted on it is granted on the new one, which gets its indexes too. */
async function replaceTable(
  client: pg.Client,
  schema: string,
  name: string,
  shadow: string,
): Promise<readonly string[]> {
  const of = (table: string) => `${quote(schema)}.${quote(table)}`;
  const { rows } = await client.query<{ oid: number | null }>('SELECT to_regclass($1)::oid AS oid', [of(name)]);
  const oid = rows[0]?.oid ?? null;
  if (oid === null) {
    await client.query(`ALTER TABLE ${of(shadow)} RENAME TO ${quote(name)}`);
    return [];
  }
  const notes = [`the old rows of ${schema}.${name} are kept in ${schema}.${name}${OLD}`];
  const { grants, indexes, followers } = await describe(client, oid);
  await client.query(`DROP TABLE IF EXISTS ${of(name + OLD)}`);
  for (const { name: index } of indexes) {
    await client.query(`ALTER INDEX ${of(index)} RENAME TO ${quote(`${index}${OLD}`)}`);
  }
  await client.query(`ALTER TABLE ${of(name)} RENAME TO ${quote(name + OLD)}`);
  await client.query(`ALTER TABLE ${of(shadow)} RENAME TO ${quote(name)}`);
  for (const grant of grants) await client.query(grant.replace('%TABLE%', () => of(name)));
  for (const { name: index, sql } of indexes) {
    if (await tried(client, sql)) continue;
    notes.push(`index ${index} of ${schema}.${name} does not fit the new table`);
  }
  notes.push(...followers.map((what) => `${what} still uses ${schema}.${name}${OLD}`));
  return notes;
}

async function tried(client: pg.Client, sql: string): Promise<boolean> {
  await client.query('SAVEPOINT tried');
  try {
    await client.query(sql);
    return true;
  } catch {
    await client.query('ROLLBACK TO SAVEPOINT tried');
    return false;
  }
}

interface Described {
  readonly grants: readonly string[];
  readonly indexes: readonly { readonly name: string; readonly sql: string }[];
  readonly followers: readonly string[];
}

/** What hangs on a table and does not follow its name. */
async function describe(client: pg.Client, oid: number): Promise<Described> {
  const grants = await client.query<{ sql: string }>(
    `SELECT format('GRANT %s ON %%TABLE%% TO %s%s', a.privilege_type,
       CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END,
       CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql
     FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = $1 AND a.grantee <> c.relowner`,
    [oid],
  );
  const indexes = await client.query<{ name: string; sql: string }>(
    `SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS sql FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = $1 AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid) ORDER BY 1`,
    [oid],
  );
  const followers = await client.query<{ what: string }>(
    `SELECT DISTINCT format('view %s', r.ev_class::regclass) AS what FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
     WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = $1 AND r.ev_class <> $1
     UNION SELECT format('foreign key %I of %s', k.conname, k.conrelid::regclass) FROM pg_constraint k
     WHERE k.confrelid = $1 AND k.contype = 'f' AND k.conrelid <> $1
     UNION SELECT format('trigger %I', t.tgname) FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal ORDER BY 1`,
    [oid],
  );
  const what = followers.rows.map((row) => row.what);
  return { grants: grants.rows.map(({ sql }) => sql), indexes: indexes.rows, followers: what };
}

async function dropTables(
  client: pg.Client,
  { config }: SinkOpenOptions<SinkConfig>,
  { tag, shadowId }: Shadow,
): Promise<void> {
  const services = quote(serviceSchema(config));
  const { rows } = await client.query<{ there: boolean }>(`SELECT to_regclass($1) IS NOT NULL AS there`, [
    `${services}._tr_offsets`,
  ]);
  if (rows[0]?.there !== true) return;
  for (const { schema, name } of await shadows(client, config, tag)) {
    await client.query(`DROP TABLE ${quote(schema)}.${quote(name)}`);
    for (const table of ['_tr_floor', '_tr_deleted']) {
      await client.query(`DELETE FROM ${services}.${table} WHERE table_name = $1`, [`${schema}.${name}`]);
    }
  }
  await client.query(`DELETE FROM ${services}._tr_offsets WHERE sink = $1`, [shadowId]);
}
