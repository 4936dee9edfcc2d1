/** The source's reader: set-up, snapshots of tables that were not read yet, then the stream. */
import {
  type Position,
  type SourceOutput,
  type SourceReader,
  TailraceError,
  type UpstreamStatus,
} from '../../src/sdk/index.ts';
import { BinlogStream } from './binlog-stream.ts';
import { Charsets } from './charsets.ts';
import { SqlSession } from './connections.ts';
import { cutOffsOf } from './cut-off.ts';
import { isDamage } from './log-files.ts';
import { replicaOf, type SourceOptions } from './names.ts';
import { type MysqlPosition, readPosition } from './position.ts';
import { PurgeWatch } from './purge-watch.ts';
import { logFiles } from './server.ts';
import { checkCrash } from './server-crash.ts';
import { type Prepared, prepare } from './set-up.ts';
import { snapshotTable } from './snapshot.ts';
import { asSourceError, asStreamError } from './source-errors.ts';
import { StatementEvents } from './statement-events.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { StreamTables } from './stream-tables.ts';

/** Between two looks at how long the server keeps its log. */
const LOOK_MS = 30_000;

export class MysqlReader implements SourceReader {
  readonly #options: SourceOptions;
  readonly #sql: SqlSession;
  readonly #purge: PurgeWatch;
  #stream: BinlogStream | null = null;

  constructor(options: SourceOptions) {
    this.#options = options;
    const { url } = options.config;
    this.#sql = new SqlSession(url);
    this.#purge = new PurgeWatch({ url, sql: this.#sql, clock: options.context.clock });
  }

  async run(from: Position | null, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    // A statement that waits in the server must not hold up the end.
    await Promise.race([aborted, this.#run(from, output, signal)]);
  }

  async #run(from: Position | null, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    try {
      const prepared = await prepare(this.#options, this.#sql, from === null ? null : readPosition(from));
      if (signal.aborted) return;
      this.#purge.passed(prepared.position);
      void this.#watchPurge(AbortSignal.any([signal, over.signal]));
      // Saved before anything is read: what was there before is the snapshots', what follows the stream's.
      if (from === null) output.heartbeat(prepared.position);
      const position = await this.#snapshots(prepared, output, signal);
      if (!signal.aborted) await this.#streaming({ ...prepared, position }, output, signal);
    } catch (error) {
      if (!signal.aborted) throw asSourceError(error, this.#options.config.url);
    } finally {
      over.abort();
    }
  }

  /** The server keeps its binary logs by its own settings: nothing to tell it. */
  acknowledge(position: Position): void {
    this.#purge.passed(position as unknown as MysqlPosition);
  }

  upstream(): UpstreamStatus {
    const { retention, warnings } = this.#purge;
    return { snapshots: [], retention, warnings };
  }

  async close(): Promise<void> {
    this.#stream?.close();
    this.#stream = null;
    await this.#sql.close();
  }

  /** While the reading goes on; what hinders it is told by the reading itself. */
  async #watchPurge(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#purge.look().catch(() => {});
      await this.#options.context.clock.sleep(LOOK_MS, signal).catch(() => {});
    }
  }

  async #snapshots(prepared: Prepared, output: SourceOutput, signal: AbortSignal): Promise<MysqlPosition> {
    let { position } = prepared;
    for (const table of prepared.unread) {
      position = await snapshotTable(this.#options, { table, facts: prepared.facts, position }, output, signal);
      await output.drain();
    }
    return position;
  }

  async #streaming(
    { facts, position, known, tables }: Prepared,
    output: SourceOutput,
    signal: AbortSignal,
  ): Promise<void> {
    const { config, context, name } = this.#options;
    const charsets = await Charsets.load(this.#sql, facts);
    const decoder = new StreamDecoder({
      output,
      tables: new StreamTables({ source: name, output, sql: this.#sql, facts, charsets, captured: tables }),
      statements: new StatementEvents(tables, facts.variables.get('lower_case_table_names') !== '0'),
      position,
      known,
      crashed: (file) => checkCrash(facts, config.after_crash, file),
      cutOffs: cutOffsOf(config),
      failpoint: context.failpoint,
    });
    try {
      const stream = await BinlogStream.start({
        url: config.url,
        replica: replicaOf(this.#options),
        from: position,
        now: context.clock.monotonic,
        take: (buf, at, to) => decoder.take(buf, at, to),
        afterRead: () => output.drain(),
      });
      this.#stream = stream;
      const onAbort = () => stream.close();
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      await stream.done.finally(() => {
        signal.removeEventListener('abort', onAbort);
        stream.close();
      });
    } catch (error) {
      if (isDamage(error) && facts.flavor === 'mariadb' && (await this.#isLeft(decoder.file))) {
        throw new TailraceError('source.unreachable', `the server crashed while it wrote ${decoder.file}`);
      }
      throw asStreamError(error, config.url);
    }
  }

  /** True when the server writes another file by now: the next set-up sees whether all of this one was read. */
  async #isLeft(file: string): Promise<boolean> {
    return (await logFiles(this.#sql)).at(-1)?.Log_name !== file;
  }
}
