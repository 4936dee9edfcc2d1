/** The source's reader: set-up, snapshots of tables that were not read yet, then the stream. */
import { join } from 'node:path';
import type pg from 'pg';
import { classOf } from '../../src/contracts/errors.ts';
import { diskFiles } from '../../src/lib/files.ts';
import {
  type FoundTable,
  type Position,
  type SnapshotCommand,
  type SourceOutput,
  type SourceReader,
  TailraceError,
  type UpstreamStatus,
} from '../../src/sdk/index.ts';
import { snapshotStatuses } from '../../src/sdk/source/snapshot-status.ts';
import { AlteredRows } from './altered-rows.ts';
import type { Rows } from './catalog.ts';
import { SqlSession } from './connections.ts';
import { goneTables, requireContinuity, walPosition, withWayOut } from './continuity.ts';
import { DdlEvents, ddlTable } from './ddl-events.ts';
import { FailoverWatch } from './failover.ts';
import { foundTables } from './found-tables.ts';
import { LogicalMessages, type MessageTaker, messagesTable } from './logical-messages.ts';
import { parseLsn } from './lsn.ts';
import type { Pause } from './message-socket.ts';
import { databaseTables, isLoose, publicationOf, type SourceOptions, slotOf } from './names.ts';
import { type PostgresPosition, readPosition, withoutOthers } from './position.ts';
import { protocolOptions, serverVersion } from './protocol-options.ts';
import { type CapturedTable, findPublication } from './publication.ts';
import { ReplicationStream } from './replication-stream.ts';
import { type Prepared, prepare } from './set-up.ts';
import { obey } from './snapshot-commands.ts';
import { SnapshotRunner } from './snapshot-runner.ts';
import { asSourceError, asStreamError, withRange } from './source-errors.ts';
import { SourceProgress } from './source-progress.ts';
import { SpillSpace } from './spill-space.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { StreamGate } from './stream-gate.ts';
import { StreamTables } from './stream-tables.ts';
import { StreamedTransactions } from './streamed-transactions.ts';
import { withLargeColumns } from './too-large.ts';
import { WalGovernor } from './wal-governor.ts';

const WATCH_MS = 5_000;
/** Between two looks whether a position is durable. */
const SAVED_MS = 10;
/** Between two looks whether a streamed transaction can be seen. */
const VISIBLE_MS = 5;

const LATER = 'try again when `tailrace status` says that it streams';

/** What runs beside each other on one connection to the slot. */
interface Work {
  readonly tables: readonly CapturedTable[];
  readonly progress: SourceProgress;
  readonly runner: SnapshotRunner;
  readonly save: () => void;
}

interface Opened {
  readonly client: pg.Client;
  /** Of the plugin. */
  readonly options: string;
  readonly decoder: StreamDecoder;
  readonly streamed: StreamedTransactions | null;
  readonly gate: StreamGate;
  readonly position: PostgresPosition;
  readonly output: SourceOutput;
}

export class PostgresReader implements SourceReader {
  readonly #options: SourceOptions;
  readonly #sql: SqlSession;
  readonly #rows: Rows = (text, values) => this.#sql.rows(text, values);
  #stream: ReplicationStream | null = null;
  #acknowledged: string | null = null;
  #saved: Position | null = null;
  readonly #failover: FailoverWatch;
  readonly #governor: WalGovernor;
  readonly #altered: AlteredRows;
  #work: Work | null = null;
  #tables: readonly CapturedTable[] = [];
  #space: SpillSpace | null = null;
  /** Position by which loose tables were gone; null: none is. */
  #goneBy: bigint | null = null;

  constructor(options: SourceOptions) {
    // Its own: which of several servers is read is found once for a reader.
    this.#options = { ...options };
    this.#sql = new SqlSession(this.#options);
    const { clock, log } = options.context;
    this.#altered = new AlteredRows(options.name, options.context);
    this.#failover = new FailoverWatch(options, this.#sql);
    const slot = slotOf(options);
    this.#governor = new WalGovernor({ sql: this.#sql, slot, clock, log, failover: this.#failover });
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
      const former = from === null ? null : await this.#leaveOut(readPosition(from), output, signal);
      const prepared = await prepare(this.#options, this.#sql, former);
      if (signal.aborted) {
        await prepared.client.end().catch(() => {});
        return;
      }
      this.#tables = prepared.tables;
      // Saved before anything is read: the slot that was made is then known to be ours.
      if (from === null) output.heartbeat(prepared.position);
      await this.#streaming(prepared, output, signal);
    } catch (error) {
      const after = this.#acknowledged ?? (from === null ? null : String(from.lsn));
      if (signal.aborted) return;
      const { name } = publicationOf(this.#options);
      const told = await withLargeColumns(asSourceError(error, config.url), this.#rows, name, this.#tables);
      throw withRange(told, after);
    }
  }

  /**
   * Tables that are captured no more leave the position before they leave the publication: taken in again they are new then, and
   * not some that were without a publication meanwhile.
   */
  async #leaveOut(from: PostgresPosition, output: SourceOutput, signal: AbortSignal): Promise<PostgresPosition> {
    const position = withoutOthers(from, databaseTables(this.#options));
    if (position === from) return from;
    for (this.#saved = null; this.#saved !== position && !signal.aborted; ) {
      output.heartbeat(position);
      await this.#options.context.clock.sleep(SAVED_MS, signal).catch(() => {});
    }
    return position;
  }

  acknowledge(position: Position): void {
    this.#saved = position;
    this.#acknowledged = String(position.lsn);
    this.#stream?.acknowledge(parseLsn(this.#acknowledged));
    this.#work?.progress.saved(position as unknown as PostgresPosition);
  }

  async close(): Promise<void> {
    await this.#stream?.close();
    this.#stream = null;
    await this.#space?.close();
    await this.#failover.close();
    await this.#sql.close();
  }

  hasten(): void {
    this.#stream?.ask();
  }

  upstream(): UpstreamStatus | null {
    if (this.#work === null) return null;
    const { retention, warnings } = this.#governor;
    const snapshots = snapshotStatuses(this.#work.progress, this.#work.runner);
    return {
      snapshots,
      retention,
      warnings: [...warnings, ...(this.#space?.warnings ?? []), ...this.#altered.warnings],
    };
  }

  tables(): Promise<readonly FoundTable[]> {
    return foundTables(this.#options, this.#sql);
  }

  async snapshots(command: SnapshotCommand): Promise<void> {
    const work = this.#work;
    if (work === null) throw new TailraceError('source.not_ready', 'the source is not at work yet', { remedy: LATER });
    await obey(command, work.tables, work.progress, work.runner);
    if (command.do === 'start' && (command.rows ?? null) === null) {
      for (const table of command.tables ?? work.tables.map(({ label }) => label)) this.#altered.readAgain(table);
    }
    work.save();
  }

  async #streaming(prepared: Prepared, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const { client, position, tables } = prepared;
    const rows = this.#rows;
    const progress = new SourceProgress(position, this.#options.snapshot !== 'never', rows);
    const decoder = this.#decoder(tables, progress, output, signal);
    const gate = new StreamGate(() => !decoder.inTransaction);
    const ended = new AbortController();
    const streamed = await this.#streamed(decoder, output, AbortSignal.any([signal, ended.signal])).catch(
      giveBack(client),
    );
    const options = await serverVersion(rows)
      .then((version) => protocolOptions(this.#options, version, streamed !== null))
      .catch(giveBack(client));
    if (signal.aborted) {
      await client.end().catch(() => {});
      return;
    }
    const stream = this.#open({ client, options, decoder, streamed, gate, position, output });
    const onAbort = () => stream.stop();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const runner = this.#runner(prepared, progress, gate, output);
      // What was told is saved at once where nothing is being written, else with that.
      const save = () => (gate.held || decoder.inTransaction ? undefined : output.heartbeat(progress.position));
      this.#work = { tables, progress, runner, save };
      const beside = [this.#snapshots(runner, ended.signal), this.#watch(prepared, progress, ended.signal)];
      await Promise.race([stream.done, ...beside]);
    } catch (error) {
      const { name } = publicationOf(this.#options);
      throw await withWayOut(asStreamError(error, this.#options.config.url), this.#sql, name, tables, position);
    } finally {
      ended.abort();
      stream.stop();
      signal.removeEventListener('abort', onAbort);
    }
  }

  #runner(prepared: Prepared, progress: SourceProgress, gate: StreamGate, output: SourceOutput): SnapshotRunner {
    const ask = () => this.#stream?.ask();
    return new SnapshotRunner({ ...prepared, options: this.#options, sql: this.#sql, progress, gate, output, ask });
  }

  #decoder(tables: readonly CapturedTable[], progress: SourceProgress, output: SourceOutput, signal: AbortSignal) {
    const { context, name } = this.#options;
    const streamTables = new StreamTables({
      source: name,
      output,
      sql: this.#sql,
      captured: tables,
      altered: this.#altered,
      isLoose: (table) => isLoose(this.#options, table),
      wait: () => context.clock.sleep(VISIBLE_MS, signal),
    });
    const messages = this.#messageTakers(output);
    const { failpoint, clock } = context;
    return new StreamDecoder({ output, tables: streamTables, progress, messages, now: clock.now, failpoint });
  }

  #messageTakers(output: SourceOutput): readonly MessageTaker[] {
    const options = this.#options;
    const [messages, ddl] = [messagesTable(options), ddlTable(options)];
    return [
      ...(messages === null ? [] : [new LogicalMessages(messages, options.config.messages?.prefixes, output)]),
      ...(ddl === null ? [] : [new DdlEvents(ddl, options, output)]),
    ];
  }

  /** Null without a place on disk: the server then keeps transactions until they have committed. */
  async #streamed(decoder: StreamDecoder, output: SourceOutput, signal: AbortSignal) {
    const { context, name } = this.#options;
    if (context.scratch === undefined) return null;
    const dir = join(context.scratch, `source-${encodeURIComponent(name)}`);
    const space = await SpillSpace.open({ ...context, dir, files: diskFiles, signal });
    this.#space = space;
    const deliver = (buf: Buffer, from: number, to: number) => decoder.take(buf, from, to);
    return new StreamedTransactions({ space, deliver, drain: () => output.drain(), signal });
  }

  #open({ client, options, decoder, streamed, gate, position, output }: Opened): ReplicationStream {
    const take = (buf: Buffer, from: number, to: number): Pause | undefined =>
      streamed?.takes(buf[from]!) ? streamed.take(buf, from, to) : decoder.take(buf, from, to);
    const stream = new ReplicationStream({
      client,
      slot: slotOf(this.#options),
      options,
      from: parseLsn(position.lsn),
      now: this.#options.context.clock.now,
      take: (buf, from, to) => gate.pass() ?? take(buf, from, to),
      // Nothing is positioned inside of what a snapshot writes.
      keepalive: (lsn) => (gate.held ? undefined : decoder.keepalive(lsn)),
      afterRead: () => output.drain(),
    });
    this.#stream = stream;
    return stream;
  }

  /** Rejects when a table cannot be read; never resolves. */
  async #snapshots(runner: SnapshotRunner, signal: AbortSignal): Promise<never> {
    try {
      await runner.run(signal);
    } catch (error) {
      throw asSourceError(error, this.#options.config.url);
    }
    return new Promise<never>(() => {});
  }

  /**
   * Throws `source.not_ready` when the stream is past the end of loose tables: a new reader goes on without them, or with those
   * that have their names now.
   */
  async #leave([table]: readonly CapturedTable[], progress: SourceProgress): Promise<void> {
    if (table === undefined) {
      this.#goneBy = null;
      return;
    }
    this.#goneBy ??= await walPosition(this.#rows).catch(() => null);
    this.#stream?.ask();
    if (this.#goneBy === null || progress.lsn < this.#goneBy) return;
    throw new TailraceError('source.not_ready', `${table.label} was dropped, renamed or made anew`, {
      remedy: 'nothing: its pattern decides what is captured from now on',
    });
  }

  /** A table that leaves the publication is simply not heard of any more: that must not go unnoticed (Invariant 5). */
  async #watch({ tables, position }: Prepared, progress: SourceProgress, signal: AbortSignal): Promise<never> {
    const { name } = publicationOf(this.#options);
    let since = position.lsn;
    await this.#governor.look().catch(() => {});
    for (;;) {
      await this.#options.context.clock.sleep(WATCH_MS, signal);
      const acknowledged = this.#acknowledged ?? position.lsn;
      // A server that does not answer is the stream's to report.
      const publication = await findPublication(this.#sql, name).catch(() => null);
      if (publication === null) continue;
      await this.#governor.look().catch(() => {});
      const gone = await goneTables(publication, tables, this.#options, this.#rows).catch(() => null);
      if (gone === null) continue;
      await this.#leave(gone, progress);
      const there = tables.filter((table) => !gone.includes(table));
      await requireContinuity(this.#sql, name, publication, there, { ...position, lsn: since }).then(
        () => {
          since = acknowledged;
        },
        (error) => {
          if (classOf(error) === 'gap') throw error;
        },
      );
    }
  }
}

/** Ends the connection, whose socket nobody has taken yet, before the error goes on. */
function giveBack(client: pg.Client): (error: unknown) => Promise<never> {
  return async (error) => {
    await client.end().catch(() => {});
    throw error;
  };
}
