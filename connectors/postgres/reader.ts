/** The source's reader: set-up, snapshots of tables that were not read yet, then the stream. */
import type { Position, SourceOutput, SourceReader } from '../../src/sdk/index.ts';
import { connectReplication, SqlSession } from './connections.ts';
import { checkContinuity } from './continuity.ts';
import { parseLsn } from './lsn.ts';
import { publicationOf, type SourceOptions, slotOf } from './names.ts';
import { comparedSnapshots, type PostgresPosition, readPosition } from './position.ts';
import { type CapturedTable, findPublication } from './publication.ts';
import { ReplicationStream } from './replication-stream.ts';
import { type Prepared, prepare, waitForOlderTransactions } from './set-up.ts';
import { snapshotTable } from './snapshot.ts';
import { asSourceError, asStreamError } from './source-errors.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { StreamTables } from './stream-tables.ts';

const WATCH_MS = 5_000;
/** Between two looks whether a streamed transaction can be seen. */
const VISIBLE_MS = 5;

export class PostgresReader implements SourceReader {
  readonly #options: SourceOptions;
  readonly #sql: SqlSession;
  #stream: ReplicationStream | null = null;
  #acknowledged: string | null = null;

  constructor(options: SourceOptions) {
    this.#options = options;
    this.#sql = new SqlSession(options);
  }

  async run(from: Position | null, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    // A statement that waits in the server (for other transactions, say) must not hold up the end.
    await Promise.race([aborted, this.#run(from, output, signal)]);
  }

  async #run(from: Position | null, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const { config } = this.#options;
    try {
      const prepared = await prepare(this.#options, this.#sql, from === null ? null : readPosition(from));
      if (signal.aborted) return;
      // Saved before anything is read: the slot that was made is then known to be ours.
      if (from === null) output.heartbeat(prepared.position);
      const position = await this.#snapshots(prepared, output, signal);
      if (!signal.aborted) await this.#streaming({ ...prepared, position }, output, signal);
    } catch (error) {
      if (!signal.aborted) throw asSourceError(error, config.url);
    }
  }

  acknowledge(position: Position): void {
    this.#acknowledged = String(position.lsn);
    this.#stream?.acknowledge(parseLsn(this.#acknowledged));
  }

  async close(): Promise<void> {
    await this.#stream?.close();
    this.#stream = null;
    await this.#sql.close();
  }

  async #snapshots(prepared: Prepared, output: SourceOutput, signal: AbortSignal): Promise<PostgresPosition> {
    let { position } = prepared;
    const { unread, unpublishedBefore, publication } = prepared;
    if (unread.length > 0 && unpublishedBefore !== null) {
      await waitForOlderTransactions(this.#options, this.#sql, unpublishedBefore, signal);
    }
    for (const table of unread) {
      position = await snapshotTable(this.#options, { table, publication, position }, output, signal);
      await output.drain();
    }
    return position;
  }

  async #streaming(prepared: Prepared, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const { position, tables } = prepared;
    const { context, name } = this.#options;
    const client = await connectReplication(this.#options);
    if (signal.aborted) {
      await client.end().catch(() => {});
      return;
    }
    // Nothing more of the snapshot comes, and the stream may long have nothing to tell.
    output.heartbeat(position);
    const visibilities = comparedSnapshots(position);
    const streamTables = new StreamTables({
      source: name,
      output,
      sql: this.#sql,
      captured: tables,
      visibilities,
      wait: () => context.clock.sleep(VISIBLE_MS, signal),
    });
    const decoder = new StreamDecoder({ output, tables: streamTables, position, failpoint: context.failpoint });
    const stream = new ReplicationStream({
      client,
      slot: slotOf(this.#options),
      publication: publicationOf(this.#options).name,
      from: parseLsn(position.lsn),
      now: context.clock.now,
      take: (buf, at, to) => decoder.take(buf, at, to),
      keepalive: (lsn) => decoder.keepalive(lsn),
      afterRead: () => output.drain(),
    });
    this.#stream = stream;
    const onAbort = () => stream.stop();
    signal.addEventListener('abort', onAbort, { once: true });
    const watch = new AbortController();
    try {
      await Promise.race([stream.done, this.#watch(tables, position, watch.signal)]);
    } catch (error) {
      throw asStreamError(error, this.#options.config.url);
    } finally {
      watch.abort();
      stream.stop();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** A table that leaves the publication is simply not heard of any more: that must not go unnoticed (Invariant 5). */
  async #watch(tables: readonly CapturedTable[], position: PostgresPosition, signal: AbortSignal): Promise<never> {
    const { name } = publicationOf(this.#options);
    let since = position.lsn;
    for (;;) {
      await this.#options.context.clock.sleep(WATCH_MS, signal);
      const acknowledged = this.#acknowledged ?? position.lsn;
      // A server that does not answer is the stream's to report.
      const publication = await findPublication(this.#sql, name).catch(() => null);
      if (publication === null) continue;
      checkContinuity(publication ?? name, tables, { ...position, lsn: since });
      since = acknowledged;
    }
  }
}
