/**
 * Tables beside the sink's own, which take their place in one RENAME. DDL is no part of a transaction here, so it is done in two
 * steps, each of them whole or not at all, and each known to have been done:
 *
 * 1. in a transaction: floors, remembered deletes and positions of the shadow become the sink's, of a generation that the log has not
 *    come to, so that nobody writes until it has;
 * 2. one RENAME TABLE of all of them.
 */
import type { SinkOpenOptions, TargetSwap } from '../../src/sdk/index.ts';
import { type Connection, query } from './connections.ts';
import { quoteName } from './names.ts';
import { connectSink } from './sink.ts';
import { type SinkConfig, shadowSuffix } from './sink-config.ts';
import { asSinkError } from './sink-errors.ts';

type Options = SinkOpenOptions<SinkConfig>;
type Shadow = Pick<TargetSwap, 'tag' | 'shadowId'>;

/** Of the tables that were replaced: one generation of them is kept. */
const OLD = '__old';
const SERVICES = ['_tr_floor', '_tr_deleted'];

export function swapMysql(options: Options, swap: TargetSwap): Promise<readonly string[]> {
  return connected(options, async (connection) => {
    const shadows = await tablesWith(connection, shadowSuffix(swap.tag));
    const names = shadows.map((shadow) => ({ shadow, name: shadow.slice(0, -shadowSuffix(swap.tag).length) }));
    const notes: string[] = [];
    for (const { name, shadow } of names) notes.push(...(await takeIndexes(connection, name, shadow)));
    await takePositions(connection, options.id, swap, names);
    options.context.failpoint('sink.rebuild-moved');
    notes.push(...(await rename(connection, names)));
    return notes;
  });
}

export function dropMysql(options: Options, { tag, shadowId }: Shadow): Promise<void> {
  return connected(options, async (connection) => {
    const there = await tablesWith(connection, '');
    for (const shadow of there.filter((name) => name.endsWith(shadowSuffix(tag)))) {
      await query(connection, `DROP TABLE ${quoteName(shadow)}`);
      for (const table of SERVICES) {
        if (there.includes(table)) await query(connection, `DELETE FROM ${table} WHERE table_name = ?`, [shadow]);
      }
    }
    if (there.includes('_tr_offsets')) await query(connection, 'DELETE FROM _tr_offsets WHERE sink = ?', [shadowId]);
  });
}

async function connected<T>({ config }: Options, act: (connection: Connection) => Promise<T>): Promise<T> {
  let connection: Connection | undefined;
  try {
    connection = await connectSink(config);
    return await act(connection);
  } catch (error) {
    throw asSinkError(error, config.url);
  } finally {
    connection?.destroy();
  }
}

async function tablesWith(connection: Connection, suffix: string): Promise<readonly string[]> {
  const rows = await query<{ name: string }>(
    connection,
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'`,
  );
  return rows.map(({ name }) => name).filter((name) => name.endsWith(suffix));
}

interface Pair {
  readonly name: string;
  readonly shadow: string;
}

/** Done before when the shadow has no positions any more. */
async function takePositions(
  connection: Connection,
  id: string,
  { shadowId, generation }: TargetSwap,
  names: readonly Pair[],
): Promise<void> {
  await query(connection, 'BEGIN');
  const held = await query(connection, 'SELECT 1 AS one FROM _tr_offsets WHERE sink = ? FOR UPDATE', [shadowId]);
  if (held.length > 0) {
    for (const table of SERVICES) {
      for (const { name, shadow } of names) {
        await query(connection, `DELETE FROM ${table} WHERE table_name = ?`, [name]);
        await query(connection, `UPDATE ${table} SET table_name = ? WHERE table_name = ?`, [name, shadow]);
      }
    }
    await query(connection, 'DELETE FROM _tr_offsets WHERE sink = ?', [id]);
    const moved = 'UPDATE _tr_offsets SET sink = ?, generation = ? WHERE sink = ?';
    await query(connection, moved, [id, generation, shadowId]);
  }
  await query(connection, 'COMMIT');
}

async function rename(connection: Connection, names: readonly Pair[]): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const there = new Set(await tablesWith(connection, ''));
  const notes: string[] = [];
  const parts: string[] = [];
  for (const { name, shadow } of names) {
    if (there.has(name)) {
      notes.push(`the old rows of ${name} are kept in ${name}${OLD}`, ...(await followers(connection, name)));
      await query(connection, `DROP TABLE IF EXISTS ${quoteName(name + OLD)}`);
      parts.push(`${quoteName(name)} TO ${quoteName(name + OLD)}`);
    }
    parts.push(`${quoteName(shadow)} TO ${quoteName(name)}`);
  }
  await query(connection, `RENAME TABLE ${parts.join(', ')}`);
  return notes;
}

interface IndexPart {
  readonly name: string;
  readonly column: string | null;
  readonly part: string | null;
  readonly type: string;
}

/** Indexes that others have made on the sink's table. What was granted on it goes by its name. */
async function takeIndexes(connection: Connection, name: string, shadow: string): Promise<readonly string[]> {
  const indexesOf = (table: string) =>
    query<IndexPart>(
      connection,
      `SELECT index_name AS name, column_name AS \`column\`, sub_part AS part, index_type AS type
       FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 1
       ORDER BY index_name, seq_in_index`,
      [table],
    );
  const known = new Set((await indexesOf(shadow)).map((one) => one.name));
  const notes: string[] = [];
  for (const [index, parts] of Map.groupBy(await indexesOf(name), (one) => one.name)) {
    if (known.has(index)) continue;
    const made = await query(connection, indexSql(shadow, index, parts)).then(
      () => true,
      () => false,
    );
    if (!made) notes.push(`index ${index} of ${name} does not fit the new table`);
  }
  return notes;
}

function indexSql(table: string, index: string, parts: readonly IndexPart[]): string {
  const { type } = parts[0]!;
  const kind = type === 'FULLTEXT' || type === 'SPATIAL' ? `${type} ` : '';
  // An expression has no column, and is refused.
  const columns = parts.map(
    ({ column, part }) => `${quoteName(column ?? '')}${part === null ? '' : `(${Number(part)})`}`,
  );
  return `CREATE ${kind}INDEX ${quoteName(index)} ON ${quoteName(table)} (${columns.join(', ')})`;
}

/** What hangs on a table and goes with it when it is renamed. */
async function followers(connection: Connection, name: string): Promise<readonly string[]> {
  const rows = await query<{ what: string }>(
    connection,
    `SELECT CONCAT('foreign key ', constraint_name, ' of ', table_name) AS what FROM information_schema.referential_constraints
       WHERE constraint_schema = DATABASE() AND referenced_table_name = ? AND table_name <> ?
     UNION SELECT CONCAT('trigger ', trigger_name) FROM information_schema.triggers
       WHERE trigger_schema = DATABASE() AND event_object_table = ? ORDER BY 1`,
    [name, name, name],
  );
  return rows.map(({ what }) => `${what} still uses ${name}${OLD}`);
}
