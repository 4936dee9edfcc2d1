/** The sink: documents in bulk under external versions, positions after them in `flush`. */
import type {
  ConnectorContext,
  OpenSink,
  Rejection,
  Sink,
  SinkBatch,
  SinkOpenOptions,
  SinkPositions,
  SinkRecord,
  TableSchema,
} from '../../src/sdk/index.ts';
import { applyRows } from '../../src/sdk/target/apply-rows.ts';
import { liveAbove } from '../../src/sdk/target/floors.ts';
import { foldRows } from '../../src/sdk/target/fold.ts';
import { sourceTableName } from '../../src/sdk/target/names.ts';
import { mergePositions, startOf } from '../../src/sdk/target/positions.ts';
import { SinkSession } from '../../src/sdk/target/sink-session.ts';
import { RefusedRows, stepsOf } from '../../src/sdk/target/steps.ts';
import type { ElasticsearchConfig } from './config.ts';
import { EsConnection } from './connection.ts';
import { DataStreams } from './data-streams.ts';
import { TargetOffsets } from './offsets.ts';
import { applyDocuments, type Session } from './rows.ts';
import { forgetDeletes, sweep } from './sweep.ts';
import { remade, type TargetTable, TargetTables } from './tables.ts';

const FORGET_EVERY_MS = 3_600_000;

export async function openElasticsearch(options: SinkOpenOptions<ElasticsearchConfig>): Promise<OpenSink> {
  const { config, context } = options;
  const connection = await EsConnection.open(config);
  try {
    const offsets = new TargetOffsets(connection, options);
    const resume = await offsets.load();
    const streams = config.as === 'data-stream' ? new DataStreams(connection, config) : null;
    return {
      sink: new ElasticsearchSink({
        connection,
        offsets,
        tables: new TargetTables(connection, config),
        streams,
        context,
      }),
      resume,
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

interface Parts {
  readonly connection: EsConnection;
  readonly offsets: TargetOffsets;
  readonly tables: TargetTables;
  /** Null where documents are rows. */
  readonly streams: DataStreams | null;
  readonly context: ConnectorContext;
}

class ElasticsearchSink implements Sink {
  readonly #parts: Parts;
  readonly #session = new SinkSession();
  #next: SinkPositions | null = null;
  #forgotAt: number | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#session.run(async () => {
      const { connection, offsets, streams, context } = this.#parts;
      if (batch.records.length === 0 && !offsets.moved(batch.next)) return [];
      await offsets.begin(batch.epoch, startOf(batch.records), signal);
      const session = { connection, context, signal };
      const refused = new RefusedRows();
      await streams?.append(session, batch.records, refused);
      for (const step of streams === null ? stepsOf(batch.records) : []) {
        signal.throwIfAborted();
        const table = await this.#ensure(step.table, signal);
        if (step.kind === 'sweep') {
          await sweep(session, table, { below: step.below, spared: refused.sparedBy(step.change) });
        } else await this.#apply(session, table, step.records, refused);
      }
      this.#next = mergePositions(this.#next, batch.next);
      return refused.rejections;
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#session.run(async () => {
      const { connection, offsets, tables, context } = this.#parts;
      context.failpoint('sink.before-flush');
      if (this.#next === null) return;
      // A bulk request makes an index that somebody deleted, so only now is it known that the documents went where they should.
      await tables.verify(signal);
      await this.#forget({ connection, context, signal });
      await offsets.save(this.#next, signal);
      this.#next = null;
    });
  }

  async close(): Promise<void> {
    this.#session.end();
    await this.#parts.connection.close();
  }

  /** The index is told to the positions before its first document. */
  async #ensure(source: TableSchema, signal: AbortSignal): Promise<TargetTable> {
    const { offsets, tables } = this.#parts;
    const table = await tables.ensure(source, signal);
    const { name, uuid } = table.index;
    const known = offsets.uuidOf(name);
    if (known !== undefined && known !== uuid) throw remade(name);
    await offsets.rememberIndex(name, uuid, signal);
    return table;
  }

  async #apply(
    session: Session,
    table: TargetTable,
    records: readonly SinkRecord[],
    refused: RefusedRows,
  ): Promise<void> {
    const { context } = this.#parts;
    const live = liveAbove(BigInt(table.index.state.floor), records);
    let stale = records.length - live.length;
    let incomplete = 0;
    await applyRows(foldRows(live), refused, async (rows) => {
      const replies = await applyDocuments(session, table, rows);
      stale += replies.stale;
      incomplete += replies.incomplete;
      return replies.refused;
    });
    const name = sourceTableName(table.source);
    if (stale > 0) context.log('debug', 'changes left out: the target holds newer ones', { table: name, rows: stale });
    if (incomplete > 0) {
      const fields = { table: name, rows: incomplete };
      context.log('warn', 'rows written without columns that the source did not send', fields);
    }
  }

  /** At most once an hour. */
  async #forget(session: Session): Promise<void> {
    const now = this.#parts.context.clock.now();
    if (this.#forgotAt !== null && now - this.#forgotAt < FORGET_EVERY_MS) return;
    this.#forgotAt = now;
    await forgetDeletes(session, now);
  }
}
