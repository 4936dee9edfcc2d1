/** Positions, epoch, floors and remembered deletes in the target, in the same transactions as the data. */
import { createHash } from 'node:crypto';
import type { SinkPositions, TableSchema } from '../../src/sdk/index.ts';
import { type OffsetOptions, OffsetSession } from '../../src/sdk/target/offset-session.ts';
import type { StoredPosition } from '../../src/sdk/target/positions.ts';
import { type Connection, query } from './connections.ts';
import { quoteLiteral } from './names.ts';

/** Names are at most 191 characters: their indexes fit into any row format. */
const SERVICE_TABLES = [
  `CREATE TABLE IF NOT EXISTS _tr_offsets (sink varchar(191) NOT NULL, topic varchar(249) NOT NULL, \`partition\` int NOT NULL,
     next bigint NOT NULL, lineage varchar(32) NOT NULL, generation int NOT NULL, epoch bigint NOT NULL,
     PRIMARY KEY (sink, topic, \`partition\`)) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  `CREATE TABLE IF NOT EXISTS _tr_deleted (table_name varchar(191) NOT NULL, key_hash binary(32) NOT NULL, \`key\` longtext NOT NULL,
     version bigint NOT NULL, deleted_at bigint NOT NULL, PRIMARY KEY (table_name, key_hash))
     ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
  `CREATE TABLE IF NOT EXISTS _tr_floor (table_name varchar(191) NOT NULL, source varchar(191) NOT NULL, version bigint NOT NULL,
     PRIMARY KEY (table_name, source)) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`,
];
const NAMES = ['_tr_offsets', '_tr_deleted', '_tr_floor'];

/** Creates what is absent; needs CREATE only then. */
export async function createServiceTables(connection: Connection): Promise<void> {
  const [found] = await query<{ n: string }>(
    connection,
    'SELECT COUNT(*) AS n FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN (?)',
    [NAMES],
  );
  if (Number(found!.n) === NAMES.length) return;
  for (const sql of SERVICE_TABLES) await query(connection, sql);
}

/** How ON DUPLICATE KEY UPDATE names the new row: MySQL warns of VALUES(), MariaDB knows nothing else. */
export interface UpsertForm {
  /** Behind the rows. */
  readonly row: string;
  /** A column of the new row, by its quoted name. */
  readonly of: (column: string) => string;
}

export function upsertForm(mariadb: boolean): UpsertForm {
  return mariadb
    ? { row: '', of: (column) => `VALUES(${column})` }
    : { row: 'AS tr_new', of: (column) => `tr_new.${column}` };
}

export interface RememberedDelete {
  readonly key: string;
  readonly version: bigint;
}

export class TargetOffsets {
  readonly #connection: Connection;
  readonly #options: OffsetOptions;
  readonly #upsert: UpsertForm;
  readonly #session: OffsetSession;

  constructor(connection: Connection, options: OffsetOptions, upsert: UpsertForm) {
    this.#connection = connection;
    this.#upsert = upsert;
    this.#options = options;
    this.#session = new OffsetSession(options);
  }

  /** Positions to resume from; throws `sink.other_log`. */
  async load(): Promise<SinkPositions | null> {
    return this.#session.resume(await this.#stored(''));
  }

  /** True when `next` says something that the target does not hold. */
  moved(next: SinkPositions): boolean {
    return this.#session.changed(next).length > 0;
  }

  /**
   * At the start of a transaction: the rows of this sink are locked until its end (those that are absent too: the gap is);
   * refuses an older epoch than the last writer's, and raises it.
   */
  async fence(epoch: number): Promise<void> {
    const { id } = this.#options;
    const stored = await this.#stored('FOR UPDATE');
    if (!this.#session.begins(stored, epoch)) return;
    await query(this.#connection, 'UPDATE _tr_offsets SET epoch = ? WHERE sink = ?', [epoch, id]);
  }

  /** Writes what changed; part of the open transaction. */
  async save(next: SinkPositions, epoch: number): Promise<void> {
    const { id, lineage, generation } = this.#options;
    for (const position of this.#session.changed(next)) {
      const { topic, partition } = position;
      const values = [id, topic, partition, String(position.next), lineage.current, generation, epoch];
      await query(this.#connection, 'REPLACE INTO _tr_offsets VALUES (?, ?, ?, ?, ?, ?, ?)', values);
    }
  }

  /** After the commit that held `save`. */
  saved(next: SinkPositions): void {
    this.#session.saved(next);
  }

  /** Version below which writes to the table are refused (DESIGN § 6: truncate and sweep). */
  async floor(label: string, { source }: TableSchema): Promise<bigint> {
    const [row] = await query<{ version: string }>(
      this.#connection,
      'SELECT version FROM _tr_floor WHERE table_name = ? AND source = ?',
      [label, source],
    );
    return BigInt(row?.version ?? 0);
  }

  async raiseFloor(label: string, { source }: TableSchema, version: bigint): Promise<void> {
    await query(
      this.#connection,
      `INSERT INTO _tr_floor VALUES (?, ?, ${version}) ON DUPLICATE KEY UPDATE version = GREATEST(version, ${version})`,
      [label, source],
    );
  }

  /** Versions of the deletes that are remembered of these keys. */
  async deletes(label: string, keys: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
    if (keys.length === 0) return new Map();
    const byHash = new Map(keys.map((key) => [hashOf(key), key]));
    const rows = await query<{ hash: string; version: string }>(
      this.#connection,
      `SELECT LOWER(HEX(key_hash)) AS hash, version AS version FROM _tr_deleted
       WHERE table_name = ? AND key_hash IN (${[...byHash.keys()].map((hash) => `X'${hash}'`).join(', ')})`,
      [label],
    );
    return new Map(rows.map(({ hash, version }) => [byHash.get(hash)!, BigInt(version)]));
  }

  async remember(label: string, deletes: readonly RememberedDelete[]): Promise<void> {
    if (deletes.length === 0) return;
    const now = this.#options.context.clock.now();
    const rows = deletes.map(({ key, version }) => {
      return `(${quoteLiteral(label)}, X'${hashOf(key)}', ${quoteLiteral(key)}, ${version}, ${now})`;
    });
    const { row, of } = this.#upsert;
    await query(
      this.#connection,
      `INSERT INTO _tr_deleted (table_name, key_hash, \`key\`, version, deleted_at) VALUES ${rows.join(', ')} ${row}
       ON DUPLICATE KEY UPDATE deleted_at = IF(_tr_deleted.version <= ${of('version')}, ${now}, _tr_deleted.deleted_at),
         version = GREATEST(_tr_deleted.version, ${of('version')})`,
    );
  }

  /** Forgets deletes past the hold time, at most once an hour. */
  async prune(): Promise<void> {
    const before = this.#session.forgetBefore();
    if (before === null) return;
    await query(this.#connection, 'DELETE FROM _tr_deleted WHERE deleted_at < ?', [before]);
  }

  async #stored(lock: string): Promise<readonly StoredPosition[]> {
    const rows = await query<Record<'topic' | 'part' | 'next' | 'lineage' | 'generation' | 'epoch', string>>(
      this.#connection,
      `SELECT topic AS topic, \`partition\` AS part, next AS next, lineage AS lineage, generation AS generation, epoch AS epoch
       FROM _tr_offsets WHERE sink = ? ${lock}`,
      [this.#options.id],
    );
    return rows.map(({ topic, part, next, lineage, generation, epoch }) => ({
      topic,
      partition: Number(part),
      next: BigInt(next),
      lineage,
      generation: Number(generation),
      epoch: Number(epoch),
    }));
  }
}

const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');
