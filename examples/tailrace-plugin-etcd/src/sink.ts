/** The sink: rows are durable when they are written, the position is in `flush`; what comes again is compared by version. */
import {
  applyRows,
  type ConnectorContext,
  foldRows,
  mergePositions,
  type OpenSink,
  RefusedRows,
  type Rejection,
  type Sink,
  type SinkBatch,
  type SinkOpenOptions,
  type SinkPositions,
  type SinkRecord,
  SinkSession,
  startOf,
  stepsOf,
} from 'tailrace/sdk';
import { EtcdClient } from './client.ts';
import type { SinkConfig } from './config.ts';
import { DeleteLease } from './lease.ts';
import { Positions } from './positions.ts';
import { type Session, writeRows } from './rows.ts';
import { sweep } from './sweep.ts';
import { type TargetTable, TargetTables } from './tables.ts';

const OPEN_MS = 30_000;

export async function openSink(options: SinkOpenOptions<SinkConfig>): Promise<OpenSink> {
  const client = new EtcdClient('sink', options.config);
  const positions = new Positions(client, options);
  const resume = await positions.load(AbortSignal.timeout(OPEN_MS));
  return { sink: new EtcdSink(client, positions, options), resume };
}

class EtcdSink implements Sink {
  readonly #client: EtcdClient;
  readonly #positions: Positions;
  readonly #context: ConnectorContext;
  readonly #tables: TargetTables;
  readonly #lease: DeleteLease;
  readonly #session = new SinkSession();
  #next: SinkPositions | null = null;

  constructor(client: EtcdClient, positions: Positions, { config, context }: SinkOpenOptions<SinkConfig>) {
    this.#client = client;
    this.#positions = positions;
    this.#context = context;
    this.#tables = new TargetTables(client, config.prefix);
    this.#lease = new DeleteLease(client, () => context.clock.monotonic());
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#session.run(async () => {
      if (batch.records.length === 0 && this.#positions.changed(batch.next).length === 0) return [];
      await this.#positions.begin(batch.epoch, startOf(batch.records), signal);
      const session = { client: this.#client, positions: this.#positions, lease: this.#lease, signal };
      const refused = new RefusedRows();
      for (const step of stepsOf(batch.records)) {
        signal.throwIfAborted();
        const table = await this.#tables.of(step.table, signal);
        if (step.kind === 'sweep') await sweep(session, table, step.below, refused.sparedBy(step.change));
        else await this.#apply(session, table, step.records, refused);
      }
      this.#next = mergePositions(this.#next, batch.next);
      return refused.rejections;
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#session.run(async () => {
      this.#context.failpoint('sink.before-flush');
      if (this.#next === null) return;
      await this.#positions.save(this.#next, signal);
      this.#next = null;
    });
  }

  async close(): Promise<void> {
    this.#session.end();
  }

  async #apply(
    session: Session,
    table: TargetTable,
    records: readonly SinkRecord[],
    refused: RefusedRows,
  ): Promise<void> {
    // Invariant 7: what lies below the floor was removed by a truncate or sweep and must not show through newer changes.
    const live = records.filter(({ change }) => change.version >= table.floor);
    const counts = { stale: records.length - live.length, incomplete: 0 };
    await applyRows(foldRows(live), refused, async (rows) => {
      const written = await writeRows(session, table, rows);
      counts.stale += written.stale;
      counts.incomplete += written.incomplete;
      return written.refused;
    });
    const { log } = this.#context;
    const { stale, incomplete } = counts;
    if (stale > 0) log('debug', 'changes left out: etcd holds newer ones', { table: table.name, rows: stale });
    if (incomplete > 0) {
      log('warn', 'rows written without columns that the source did not send', { table: table.name, rows: incomplete });
    }
  }
}
