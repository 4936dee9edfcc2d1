/** Opens the sink. */
import type { OpenSink, SinkOpenOptions } from '../../src/sdk/index.ts';
import { type Connection, connect, query } from './connections.ts';
import { quoteName } from './names.ts';
import { databaseOf, type SinkConfig } from './sink-config.ts';
import { asSinkError } from './sink-errors.ts';
import { createServiceTables, TargetOffsets, upsertForm } from './sink-offsets.ts';
import { RowApplier } from './sink-rows.ts';
import { TargetTables } from './sink-tables.ts';
import { MysqlSink } from './sink-writer.ts';

/** Strict: what does not fit is refused. Without NO_ZERO_DATE: zero dates of a source are values like others. */
const SETTINGS = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO', innodb_lock_wait_timeout = 30";

export async function openSink(options: SinkOpenOptions<SinkConfig>): Promise<OpenSink> {
  const { config, context } = options;
  let connection: Connection | undefined;
  try {
    connection = await connectSink(config);
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

/** A connection in the database of the target. */
export async function connectSink(config: SinkConfig): Promise<Connection> {
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
