/** Opens and checks the sink. */
import type { Finding, OpenSink, SinkOpenOptions } from '../../src/sdk/index.ts';
import { type Connection, connect, query } from './connections.ts';
import { quoteName } from './names.ts';
import { databaseOf, type SinkConfig } from './sink-config.ts';
import { asSinkError } from './sink-errors.ts';
import { createServiceTables, TargetOffsets, upsertForm } from './sink-offsets.ts';
import { RowApplier } from './sink-rows.ts';
import { TargetTables } from './sink-tables.ts';
import { MysqlSink } from './sink-writer.ts';
import { placeOf } from './source-errors.ts';

/** Strict: what does not fit is refused. Without NO_ZERO_DATE: zero dates of a source are values like others. */
const SETTINGS = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO', innodb_lock_wait_timeout = 30";

export async function openSink(options: SinkOpenOptions<SinkConfig>): Promise<OpenSink> {
  const { config, context } = options;
  let connection: Connection | undefined;
  try {
    connection = await open(config);
    const mariadb = await isMariadb(connection);
    await createServiceTables(connection);
    const upsert = upsertForm(mariadb);
    const offsets = new TargetOffsets(connection, options, upsert);
    const resume = await offsets.load();
    const tables = new TargetTables(connection, config, { mariadb, log: context.log });
    const rows = new RowApplier({ connection, offsets, upsert, context });
    return {
      sink: new MysqlSink({ connection, tables, offsets, rows, mode: config.mode, url: config.url, context }),
      resume,
    };
  } catch (error) {
    connection?.destroy();
    throw asSinkError(error, config.url);
  }
}

async function open(config: SinkConfig): Promise<Connection> {
  const connection = await connect(config.url);
  try {
    await query(connection, SETTINGS);
    await query(connection, `USE ${quoteName(databaseOf(config))}`);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
}

async function isMariadb(connection: Connection): Promise<boolean> {
  const [row] = await query<{ version: string }>(connection, 'SELECT VERSION() AS version');
  return /mariadb/i.test(row!.version);
}

/** Reachability, database, read-only. Changes nothing. */
export async function checkSink({ config }: SinkOpenOptions<SinkConfig>): Promise<readonly Finding[]> {
  const path = ['url'];
  let connection: Connection | undefined;
  try {
    connection = await open(config);
    const [row] = await query<{ readonly: string; version: string }>(
      connection,
      'SELECT @@global.read_only AS readonly, VERSION() AS version',
    );
    if (row!.readonly === '1') {
      const remedy = 'name the primary server in `url`, or SET GLOBAL read_only = OFF;';
      return [{ level: 'problem', message: 'the target is read-only', remedy, path }];
    }
    return [{ level: 'ok', message: `${row!.version} at ${placeOf(config.url)} accepts tables`, path }];
  } catch (error) {
    const { code, message, remedy } = asSinkError(error, config.url);
    return [{ level: 'problem', message, remedy: remedy ?? 'try again when the server answers', path, code }];
  } finally {
    connection?.destroy();
  }
}
