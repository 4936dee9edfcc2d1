/** Debezium's MariaDB connector over the backlogs and tables of a bench. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'mysql2/promise';
import type { MysqlServer } from '../../demo/servers/mysql.ts';
import { type Debezium, type DebeziumResult, startDebezium } from './debezium.ts';

/** Written into so that the connector is seen to stream. */
const READY = 'ready';
const READY_MS = 200;

export class MariadbDebezium {
  readonly #debezium: Debezium;
  readonly #server: MysqlServer;
  readonly #scratch: string;
  #copies = 0;

  private constructor(debezium: Debezium, server: MysqlServer, scratch: string) {
    this.#debezium = debezium;
    this.#server = server;
    this.#scratch = scratch;
  }

  /** Throws `demo.missing` where there is no Java, or nothing to install with. */
  static async start(server: MysqlServer): Promise<MariadbDebezium> {
    const scratch = await mkdtemp(join(tmpdir(), 'tailrace-debezium-'));
    return new MariadbDebezium(await startDebezium('mariadb', scratch), server, scratch);
  }

  get version(): string {
    return this.#debezium.version;
  }

  /** Keeps where the stream is now, and the tables as they are now. Before the backlog is written. */
  async remember(client: Connection, table: string): Promise<void> {
    const [schema] = table.split('.');
    await client.query(`CREATE TABLE IF NOT EXISTS ${schema}.${READY} (id int AUTO_INCREMENT PRIMARY KEY)`);
    let isStreaming = false;
    const properties = this.#properties(table, 'no_data', table);
    const run = this.#debezium.run({ properties, topic: `p.${schema}.${READY}`, rows: 1 });
    const streaming = run.finally(() => {
      isStreaming = true;
    });
    while (!isStreaming) {
      await client.query(`INSERT INTO ${schema}.${READY} VALUES ()`);
      await Promise.race([streaming, new Promise((wake) => setTimeout(wake, READY_MS))]);
    }
    await streaming;
  }

  /** The backlog since `remember`. */
  async stream(table: string, rows: number): Promise<DebeziumResult> {
    const copy = `${table}-${++this.#copies}`;
    for (const kind of ['history', 'offsets']) await cp(this.#file(kind, table), this.#file(kind, copy));
    return this.#debezium.run({ properties: this.#properties(table, 'no_data', copy), topic: `p.${table}`, rows });
  }

  /** The table as it is. */
  snapshot(table: string, rows: number): Promise<DebeziumResult> {
    const properties = this.#properties(table, 'initial_only', `${table}-${++this.#copies}`);
    return this.#debezium.run({ properties, topic: `p.${table}`, rows });
  }

  async stop(): Promise<void> {
    await this.#debezium.stop();
    await rm(this.#scratch, { recursive: true });
  }

  #file(kind: string, name: string): string {
    return join(this.#scratch, `${kind}-${name}`);
  }

  /** @param state name of the files with offsets and history */
  #properties(table: string, mode: string, state: string) {
    const [schema] = table.split('.');
    return {
      'connector.class': 'io.debezium.connector.mariadb.MariaDbConnector',
      'database.hostname': '127.0.0.1',
      'database.port': this.#server.port,
      'database.user': 'root',
      'database.password': '',
      'database.ssl.mode': 'disable',
      'database.server.id': 7_001,
      'topic.prefix': 'p',
      'database.include.list': String(schema),
      'table.include.list': `${table},${schema}.${READY}`,
      'snapshot.mode': mode,
      'schema.history.internal': 'io.debezium.storage.file.history.FileSchemaHistory',
      'schema.history.internal.file.filename': this.#file('history', state),
      'offset.storage.file.filename': this.#file('offsets', state),
    };
  }
}
