/** A real MySQL or MariaDB server for the tests of one file, databases in it, and the source's reader at work on them. */
import mysql, { type Connection } from 'mysql2/promise';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { sourceConfig } from '../../connectors/mysql/config.ts';
import type { SourceOptions } from '../../connectors/mysql/names.ts';
import { MysqlReader } from '../../connectors/mysql/reader.ts';
import { type MysqlServer, startMysql } from '../../demo/servers/mysql.ts';
import type { MysqlFlavor } from '../../demo/servers/mysql-binaries.ts';
import type { Position } from '../../src/contracts/source.ts';
import { needServer } from './need-server.ts';
import { RecordingOutput } from './recording-output.ts';
import { type Reading, readingOptions, startReading } from './source-reading.ts';

export interface MysqlScene {
  readonly server: MysqlServer;
  /** Of the scene: tables are `<database>.<table>`. */
  readonly database: string;
  /** As root, in the scene's database. */
  readonly client: Connection;
  readonly options: SourceOptions;
  connect(): Promise<Connection>;
}

export interface MysqlSceneOptions extends Partial<Omit<SourceOptions, 'config'>> {
  readonly config?: Record<string, unknown>;
}

/** @param tables names in the scene's database */
export type MakeMysqlScene = (tables: readonly string[], ddl: string, extra?: MysqlSceneOptions) => Promise<MysqlScene>;

export interface MysqlScenes {
  /** Null: skipped, loudly. */
  readonly missing: boolean;
  readonly scene: MakeMysqlScene;
}

/** To be awaited once at the top of a test file for each flavor: one server, a fresh database for each scene. */
export async function mysqlScenes(flavor: MysqlFlavor, settings: readonly string[] = []): Promise<MysqlScenes> {
  const server = await needServer(flavor, () => startMysql({ flavor, settings, own: settings.length > 0 }));
  let databases = 0;
  beforeAll(() => {
    if (server !== null) console.log(`${flavor}: ${server.name}`);
  });
  afterAll(() => server?.stop());
  const scene: MakeMysqlScene = async (tables, ddl, { config, ...extra } = {}) => {
    const database = `s${++databases}`;
    const connect = async () => {
      const client = await openClient(server!.url);
      onTestFinished(() => client.destroy());
      await client.query(`USE ${database}`);
      return client;
    };
    const admin = await openClient(server!.url);
    await admin.query(`DROP DATABASE IF EXISTS ${database}`);
    await admin.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    admin.destroy();
    const client = await connect();
    if (ddl !== '') await client.query(ddl);
    const labels = tables.map((table) => `${database}.${table}`);
    return {
      server: server!,
      database,
      client,
      connect,
      options: mysqlOptions(server!.url, database, labels, extra, config),
    };
  };
  return { missing: server === null, scene };
}

/** May send several statements at once. @param charset a collation of the character set in which it sends them */
export async function openClient(url: string, charset = 'UTF8MB4_UNICODE_CI'): Promise<Connection> {
  const client = await mysql.createConnection({ uri: url, charset, disableEval: true, multipleStatements: true });
  client.on('error', () => {});
  await client.query("SET SESSION sql_mode = '', time_zone = '+00:00'");
  return client;
}

export function mysqlOptions(
  url: string,
  name: string,
  tables: readonly string[],
  extra: Partial<Omit<SourceOptions, 'config'>> = {},
  config: Record<string, unknown> = {},
): SourceOptions {
  return { config: sourceConfig.parse({ url, ...config }), ...readingOptions(name, tables), ...extra };
}

export type MysqlReading = Reading<MysqlReader>;

/** A reader at work. It ends with the test. */
export function readMysql(options: SourceOptions, from: Position | null = null): MysqlReading {
  const reader = new MysqlReader(options);
  const output = new RecordingOutput();
  // As the runtime does it: what is saved is durable.
  output.onPosition = (position) => reader.acknowledge(position);
  return startReading(reader, output, from);
}
