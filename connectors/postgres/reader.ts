/** The source's reader: set-up, snapshots of tables that were not read yet, then the stream. */
import type { Position, SourceOutput, SourceReader } from '../../src/sdk/index.ts';
import { connectReplication, SqlSession } from './connections.ts';
import { parseLsn } from './lsn.ts';
import { publicationOf, type SourceOptions, slotOf } from './names.ts';
import { type PostgresPosition, readPosition } from './position.ts';
import { unpublished } from './publication.ts';
import { ReplicationStream } from './replication-stream.ts';
import { type Prepared, prepare, waitForOlderTransactions } from './set-up.ts';
import { snapshotTable } from './snapshot.ts';
import { asSourceError, gap } from './source-errors.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { StreamTables } from './stream-tables.ts';
import { Visibility } from './visibility.ts';

const WATCH_MS = 5_000;

export class PostgresReader implements SourceReader {
  readonly #options: SourceOptions;
  readonly #sql: SqlSession;
  #stream: ReplicationStream | null = null;

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
    this.#stream?.acknowledge(parseLsn(String(position.lsn)));
  }

  async close(): Promise<void> {
    await this.#stream?.close();
    this.#stream = null;
    await this.#sql.close();
  }

  async #snapshots(prepared: Prepared, output: SourceOutput, signal: AbortSignal): Promise<PostgresPosition> {
    let { position } = prepared;
    if (prepared.unread.length > 0 && prepared.alteredAt !== null) {
      await waitForOlderTransactions(this.#options, this.#sql, prepared.alteredAt, signal);
    }
    for (const table of prepared.unread) {
      position = await snapshotTable(this.#options, table, position, output, signal);
      await output.drain();
    }
    return position;
  }

  async #streaming(prepared: Prepared, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const { position, tables } = prepared;
    const { context, name } = this.#options;
    const client = await connectReplication(this.#options);
    const visibilities = new Map(
      Object.entries(position.tables).flatMap(([label, { read }]) =>
        read === null ? [] : [[label, new Visibility(read)] as const],
      ),
    );
    const captured = new Map(tables.map(({ catalog, label }) => [catalog.oid, label]));
    const streamTables = new StreamTables({ source: name, output, sql: this.#sql, captured, visibilities });
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
    if (signal.aborted) onAbort();
    const watch = new AbortController();
    try {
      await Promise.race([stream.done, this.#watch(prepared, watch.signal)]);
    } finally {
      watch.abort();
      stream.stop();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** A table that leaves the publication is simply not heard of any more: that must not go unnoticed (Invariant 5). */
  async #watch({ tables }: Prepared, signal: AbortSignal): Promise<never> {
    const { context } = this.#options;
    const sql = new SqlSession(this.#options);
    const { name } = publicationOf(this.#options);
    try {
      for (;;) {
        await context.clock.sleep(WATCH_MS, signal);
        const lost = await unpublished(sql, name, tables).catch(() => []);
        if (lost.length > 0) {
          throw gap(
            `the publication ${name} does not publish ${lost.join(', ')} any more: changes since then are lost`,
          );
        }
      }
    } finally {
      await sql.close();
    }
  }
}
