/** The sink: each batch in a few atomic calls, positions after it in `flush`. */
import {
  type ConnectorContext,
  type OpenSink,
  type Rejection,
  type Sink,
  type SinkBatch,
  type SinkOpenOptions,
  type SinkPositions,
  type SinkRecord,
  TailraceError,
} from '../../src/sdk/index.ts';
import { applyRows } from '../../src/sdk/target/apply-rows.ts';
import { foldRows } from '../../src/sdk/target/fold.ts';
import { mergePositions, startOf } from '../../src/sdk/target/positions.ts';
import { RefusedRows, stepsOf } from '../../src/sdk/target/steps.ts';
import type { RedisConfig } from './config.ts';
import { RedisConnection } from './connection.ts';
import { applyHashes } from './hash-rows.ts';
import { applyDocuments } from './json-rows.ts';
import { TargetOffsets } from './offsets.ts';
import type { Session } from './row-calls.ts';
import { APPLY_HASH, APPLY_JSON, FENCE, RAISE, SAVE, SWEEP_HASH, SWEEP_JSON } from './scripts.ts';
import { sweep } from './sweep.ts';
import { type TargetTable, TargetTables } from './tables.ts';

export async function openRedis(options: SinkOpenOptions<RedisConfig>): Promise<OpenSink> {
  const { config, id, context } = options;
  const connection = await RedisConnection.open(config.url, id, context);
  try {
    for (const script of [FENCE, SAVE, RAISE, APPLY_HASH, APPLY_JSON, SWEEP_HASH, SWEEP_JSON])
      await connection.load(script);
    const offsets = new TargetOffsets(connection, options);
    const resume = await offsets.load();
    const tables = new TargetTables(connection, config);
    return { sink: new RedisSink({ connection, offsets, tables, as: config.as, context }), resume };
  } catch (error) {
    connection.close();
    throw error;
  }
}

interface Parts {
  readonly connection: RedisConnection;
  readonly offsets: TargetOffsets;
  readonly tables: TargetTables;
  readonly as: RedisConfig['as'];
  readonly context: ConnectorContext;
}

class RedisSink implements Sink {
  readonly #parts: Parts;
  #next: SinkPositions | null = null;
  #broken = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#guarded(async () => {
      const { connection, offsets, tables, as } = this.#parts;
      if (batch.records.length === 0 && !offsets.moved(batch.next)) return [];
      await offsets.begin(batch.epoch, startOf(batch.records), signal);
      const session = { connection, offsets, signal };
      const refused = new RefusedRows();
      for (const step of stepsOf(batch.records)) {
        signal.throwIfAborted();
        const table = await tables.ensure(step.table, signal);
        if (step.kind === 'sweep') await sweep(session, table, as, step.below, tables.bounds(table));
        else await this.#apply(session, table, step.records, refused);
      }
      this.#next = mergePositions(this.#next, batch.next);
      return refused.rejections;
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#guarded(async () => {
      this.#parts.context.failpoint('sink.before-flush');
      if (this.#next === null) return;
      await this.#parts.offsets.save(this.#next, signal);
      this.#next = null;
    });
  }

  async close(): Promise<void> {
    this.#broken = true;
    this.#parts.connection.close();
  }

  /** After any throw nobody knows what was applied, so this session ends: the runtime opens another. */
  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    if (this.#broken) throw new TailraceError('sink.unreachable', 'the session of this sink has ended');
    try {
      return await work();
    } catch (error) {
      this.#broken = true;
      throw error;
    }
  }

  async #apply(
    session: Session,
    table: TargetTable,
    records: readonly SinkRecord[],
    refused: RefusedRows,
  ): Promise<void> {
    const { as, context, tables } = this.#parts;
    // Invariant 7: what lies below the floor was removed by a truncate or sweep and must not show through newer changes.
    const { floor } = tables.bounds(table);
    const live = floor === 0n ? records : records.filter(({ change }) => change.version >= floor);
    let stale = records.length - live.length;
    let incomplete = 0;
    await applyRows(foldRows(live), refused, async (rows) => {
      const replies = await (as === 'hash' ? applyHashes : applyDocuments)(session, table, rows);
      stale += replies.stale;
      incomplete += replies.incomplete;
      return replies.refused;
    });
    if (stale > 0)
      context.log('debug', 'changes left out: the target holds newer ones', { table: table.name, rows: stale });
    if (incomplete > 0) {
      const fields = { table: table.name, rows: incomplete };
      context.log('warn', 'rows written without columns that the source did not send', fields);
    }
  }
}
