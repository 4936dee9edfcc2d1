/** Debezium's PostgreSQL connector over the slots and tables of a bench. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Debezium, type DebeziumResult, startDebezium } from './debezium.ts';

/** What is read: from where the slot stands, of one table. */
export interface DebeziumBacklog {
  readonly url: string;
  readonly slot: string;
  readonly publication: string;
  readonly table: string;
  readonly rows: number;
}

export class PostgresDebezium {
  readonly #debezium: Debezium;
  readonly #scratch: string;

  private constructor(debezium: Debezium, scratch: string) {
    this.#debezium = debezium;
    this.#scratch = scratch;
  }

  /** Throws `demo.missing` where there is no Java, or nothing to install with. */
  static async start(): Promise<PostgresDebezium> {
    const scratch = await mkdtemp(join(tmpdir(), 'tailrace-debezium-'));
    return new PostgresDebezium(await startDebezium('postgres', scratch), scratch);
  }

  get version(): string {
    return this.#debezium.version;
  }

  /** Without offsets of its own it begins where the slot stands. */
  stream(backlog: DebeziumBacklog): Promise<DebeziumResult> {
    return this.#run(backlog, 'no_data');
  }

  /** The table as it is. */
  snapshot(backlog: DebeziumBacklog): Promise<DebeziumResult> {
    return this.#run(backlog, 'initial_only');
  }

  async stop(): Promise<void> {
    await this.#debezium.stop();
    await rm(this.#scratch, { recursive: true });
  }

  #run({ url, slot, publication, table, rows }: DebeziumBacklog, mode: string): Promise<DebeziumResult> {
    const { hostname, port, username, password, pathname } = new URL(url);
    const properties = {
      'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
      'database.hostname': hostname,
      'database.port': port,
      'database.user': username,
      'database.password': password,
      'database.dbname': pathname.slice(1),
      'database.sslmode': 'disable',
      'topic.prefix': 'p',
      'plugin.name': 'pgoutput',
      'slot.name': slot,
      'publication.name': publication,
      'publication.autocreate.mode': 'disabled',
      'table.include.list': table,
      'snapshot.mode': mode,
    };
    return this.#debezium.run({ properties, topic: `p.${table}`, rows });
  }
}
