/** Positions, epoch, floors and remembered deletes in the target, in the same transactions as the data. */
import pg, { type ClientBase, type QueryResult } from 'pg';
import type { SinkPositions, TableSchema } from '../../src/sdk/index.ts';
import { TailraceError } from '../../src/sdk/index.ts';
import { quoteIdentifier } from '../../src/sdk/sql-target/identifiers.ts';
import { type OffsetOptions, OffsetSession } from '../../src/sdk/target/offset-session.ts';
import type { StoredPosition } from '../../src/sdk/target/positions.ts';
import type { ServiceTables } from './sink-statements.ts';

const { escapeLiteral } = pg;

/** Creates what is absent of the service tables; needs CREATE on the schema only then. */
export async function createServiceTables(client: ClientBase, schema: string, tables: ServiceTables): Promise<void> {
  const { rows } = await client.query<{ present: boolean }>(
    `SELECT bool_and(to_regclass(name) IS NOT NULL) AS present FROM unnest($1::text[]) AS name`,
    [[tables.offsets, tables.deleted, tables.floor]],
  );
  if (rows[0]?.present) return;
  await client.query('BEGIN');
  // CREATE … IF NOT EXISTS of two sessions at once can still collide.
  await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('tailrace service tables', 0))`);
  const { rowCount } = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [schema]);
  if (rowCount === 0) await client.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`);
  await client.query(`
    CREATE TABLE IF NOT EXISTS ${tables.offsets} (
      sink text NOT NULL, topic text NOT NULL, partition integer NOT NULL, next bigint NOT NULL,
      lineage text NOT NULL, generation integer NOT NULL, epoch bigint NOT NULL, PRIMARY KEY (sink, topic, partition));
    CREATE TABLE IF NOT EXISTS ${tables.deleted} (
      table_name text NOT NULL, key text NOT NULL, version bigint NOT NULL, deleted_at timestamptz NOT NULL,
      PRIMARY KEY (table_name, key));
    CREATE TABLE IF NOT EXISTS ${tables.floor} (
      table_name text NOT NULL, source text NOT NULL, version bigint NOT NULL, PRIMARY KEY (table_name, source));
    COMMIT`);
}

export class TargetOffsets {
  readonly #client: ClientBase;
  readonly #tables: ServiceTables;
  readonly #options: OffsetOptions;
  readonly #session: OffsetSession;

  constructor(client: ClientBase, tables: ServiceTables, options: OffsetOptions) {
    this.#client = client;
    this.#tables = tables;
    this.#options = options;
    this.#session = new OffsetSession(options);
  }

  /** Positions to resume from; throws `sink.other_log`. */
  async load(): Promise<SinkPositions | null> {
    return this.#session.resume(await this.#stored());
  }

  /** True when `next` says something that the target does not hold. */
  moved(next: SinkPositions): boolean {
    return this.#session.changed(next).length > 0;
  }

  /**
   * Opens a transaction with `beginSql`: one writer of this sink at a time, until its end; refuses an older epoch than the
   * last writer's, and raises it. The lock and the read are two statements: one would read a snapshot older than the lock.
   * @param thenSql what is sent with it, to come next
   * @returns true when the epoch was written, behind `thenSql`
   */
  async begin(beginSql: string, thenSql: string, epoch: number): Promise<boolean> {
    const { id } = this.#options;
    const lock = `SELECT pg_advisory_xact_lock(hashtextextended(${escapeLiteral(`tailrace sink ${id}`)}, 0))`;
    const results = await this.#client.query(`${beginSql}; ${lock}; ${this.#storedSql()}; ${thenSql}`);
    const stored = storedPositions((results as unknown as readonly QueryResult<StoredRow>[]).at(-2)!.rows);
    if (!this.#session.begins(stored, epoch)) return false;
    await this.#client.query(`UPDATE ${this.#tables.offsets} SET epoch = $2 WHERE sink = $1`, [id, epoch]);
    return true;
  }

  /** Writes what changed; part of the open transaction. */
  async save(next: SinkPositions, epoch: number): Promise<void> {
    const changed = this.#session.changed(next);
    if (changed.length === 0) return;
    const { id, lineage, generation } = this.#options;
    const { rowCount } = await this.#client.query(
      `INSERT INTO ${this.#tables.offsets} AS o (sink, topic, partition, next, lineage, generation, epoch)
       SELECT $1, p.topic, p.partition, p.next, $2, $3, $4
       FROM unnest($5::text[], $6::int[], $7::bigint[]) AS p(topic, partition, next)
       ON CONFLICT (sink, topic, partition) DO UPDATE SET next = excluded.next, lineage = excluded.lineage,
         generation = excluded.generation, epoch = excluded.epoch
       WHERE o.epoch <= excluded.epoch`,
      [
        id,
        lineage.current,
        generation,
        epoch,
        changed.map(({ topic }) => topic),
        changed.map(({ partition }) => partition),
        changed.map((position) => String(position.next)),
      ],
    );
    if (rowCount !== changed.length) {
      throw new TailraceError('sink.fenced', `a newer instance writes to the target of ${id}`);
    }
  }

  /** After the commit that held `save`. */
  saved(next: SinkPositions): void {
    this.#session.saved(next);
  }

  /** Version below which writes to the table are refused (DESIGN § 6: truncate and sweep). */
  async floor(label: string, { source }: TableSchema): Promise<bigint> {
    const { rows } = await this.#client.query<{ version: string }>(
      `SELECT version::text FROM ${this.#tables.floor} WHERE table_name = $1 AND source = $2`,
      [label, source],
    );
    return BigInt(rows[0]?.version ?? 0);
  }

  async raiseFloor(label: string, { source }: TableSchema, version: bigint): Promise<void> {
    await this.#client.query(
      `INSERT INTO ${this.#tables.floor} AS f (table_name, source, version) VALUES ($1, $2, $3::bigint)
       ON CONFLICT (table_name, source) DO UPDATE SET version = greatest(f.version, excluded.version)`,
      [label, source, String(version)],
    );
  }

  /** Forgets deletes past the hold time, at most once an hour. */
  async prune(): Promise<void> {
    const before = this.#session.forgetBefore();
    if (before === null) return;
    await this.#client.query(`DELETE FROM ${this.#tables.deleted} WHERE deleted_at < to_timestamp($1::float8 / 1000)`, [
      before,
    ]);
  }

  async #stored(): Promise<readonly StoredPosition[]> {
    return storedPositions((await this.#client.query<StoredRow>(this.#storedSql())).rows);
  }

  #storedSql(): string {
    return `SELECT topic, partition, next::text, lineage, generation, epoch::text FROM ${this.#tables.offsets}
      WHERE sink = ${escapeLiteral(this.#options.id)}`;
  }
}

interface StoredRow extends Record<'topic' | 'next' | 'lineage' | 'epoch', string> {
  readonly partition: number;
  readonly generation: number;
}

function storedPositions(rows: readonly StoredRow[]): readonly StoredPosition[] {
  return rows.map((row) => ({ ...row, next: BigInt(row.next), epoch: Number(row.epoch) }));
}
