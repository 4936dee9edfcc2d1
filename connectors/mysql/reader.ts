/** The source's reader: set-up, then the stream, and beside it snapshots of the tables that were not read yet. */
import {
  type Position,
  type SnapshotCommand,
  type SourceOutput,
  type SourceReader,
  TailraceError,
  type UpstreamStatus,
} from '../../src/sdk/index.ts';
import { snapshotStatuses } from '../../src/sdk/source/snapshot-status.ts';
import { BinlogStream } from './binlog-stream.ts';
import { Charsets } from './charsets.ts';
import { SqlSession } from './connections.ts';
import { cutOffsOf } from './cut-off.ts';
import { isDamage } from './log-files.ts';
import { replicaOf, type SourceOptions, type TableName } from './names.ts';
import { type MysqlPosition, readPosition } from './position.ts';
import { PurgeWatch } from './purge-watch.ts';
import { SchemaHistory } from './schema-history.ts';
import { logFiles } from './server.ts';
import { checkCrash } from './server-crash.ts';
import { type Prepared, prepare } from './set-up.ts';
import { obey } from './snapshot-commands.ts';
import { SnapshotRunner } from './snapshot-runner.ts';
import { asSourceError, asStreamError } from './source-errors.ts';
import { SourceProgress } from './source-progress.ts';
import { StatementEvents } from './statement-events.ts';
import { StatementTexts } from './statement-text.ts';
import { StreamDecoder } from './stream-decoder.ts';
import { StreamGate } from './stream-gate.ts';
import { StreamTables } from './stream-tables.ts';

/** Between two looks at how long the server keeps its log. */
const LOOK_MS = 30_000;

/** What runs beside each other on one stream. */
interface Work {
  readonly tables: readonly TableName[];
  readonly progress: SourceProgress;
  readonly runner: SnapshotRunner;
  readonly save: () => void;
}

export class MysqlReader implements SourceReader {
  readonly #options: SourceOptions;
  readonly #sql: SqlSession;
  readonly #purge: PurgeWatch;
  #stream: BinlogStream | null = null;
  #work: Work | null = null;

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
      await this.#streaming(prepared, output, signal);
    } catch (error) {
      if (!signal.aborted) throw asSourceError(error, this.#options.config.url);
    } finally {
      over.abort();
    }
  }

  /** The server keeps its binary logs by its own settings: nothing to tell it. */
  acknowledge(position: Position): void {
    this.#purge.passed(position as unknown as MysqlPosition);
    this.#work?.progress.saved(position as unknown as MysqlPosition);
  }

  upstream(): UpstreamStatus | null {
    if (this.#work === null) return null;
    const { retention, warnings } = this.#purge;
    const snapshots = snapshotStatuses(this.#work.progress, this.#work.runner);
    return { snapshots, retention, warnings };
  }

  async snapshots(command: SnapshotCommand): Promise<void> {
    const work = this.#work;
    if (work === null) {
      throw new TailraceError('source.not_ready', 'the source is not at work yet', {
        remedy: 'try again when `tailrace status` says that it streams',
      });
    }
    await obey(command, work.tables, work.progress, work.runner);
    work.save();
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

  async #streaming(prepared: Prepared, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const { facts, position, tables } = prepared;
    const { config, snapshot } = this.#options;
    const sql = this.#sql;
    const progress = new SourceProgress(position, snapshot !== 'never', (text, values) => sql.rows(text, values));
    const decoder = await this.#decoder(prepared, progress, output);
    const gate = new StreamGate(() => !decoder.inTransaction);
    const ended = new AbortController();
    const onAbort = () => ended.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) return;
    try {
      const stream = await this.#open(decoder, gate, position, output);
      if (signal.aborted) return;
      ended.signal.addEventListener('abort', () => stream.close(), { once: true });
      const runner = new SnapshotRunner({ options: this.#options, sql, facts, output, tables, progress, gate });
      // What was told is saved at once where nothing is being written, else with that.
      const save = () => (gate.held || decoder.inTransaction ? undefined : output.heartbeat(progress.position));
      this.#work = { tables, progress, runner, save };
      await Promise.race([stream.done, this.#snapshots(runner, ended.signal)]);
    } catch (error) {
      if (isDamage(error) && facts.flavor === 'mariadb' && (await this.#isLeft(decoder.at.file))) {
        throw new TailraceError('source.unreachable', `the server crashed while it wrote ${decoder.at.file}`);
      }
      throw asStreamError(error, config.url);
    } finally {
      ended.abort();
      this.#stream?.close();
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #decoder({ facts, known, tables }: Prepared, progress: SourceProgress, output: SourceOutput) {
    const { config, context, name } = this.#options;
    const sql = this.#sql;
    const charsets = await Charsets.load(sql, facts);
    const saved = progress.position.history;
    const at = () => decoder.at;
    const history = saved === null ? null : new SchemaHistory(saved, at, (now) => progress.setHistory(now));
    const anyCase = facts.variables.get('lower_case_table_names') !== '0';
    const decoder: StreamDecoder = new StreamDecoder({
      output,
      tables: new StreamTables({ source: name, output, sql, facts, charsets, captured: tables, history }),
      texts: new StatementTexts(charsets),
      statements: new StatementEvents(tables, anyCase, history),
      progress,
      known,
      crashed: (file) => checkCrash(facts, config.after_crash, file),
      cutOffs: cutOffsOf(config),
      failpoint: context.failpoint,
    });
    return decoder;
  }

  async #open(decoder: StreamDecoder, gate: StreamGate, from: MysqlPosition, output: SourceOutput) {
    this.#stream = await BinlogStream.start({
      url: this.#options.config.url,
      replica: replicaOf(this.#options),
      from,
      now: this.#options.context.clock.monotonic,
      take: (buf, at, to) => gate.pass()?.then(() => decoder.take(buf, at, to)) ?? decoder.take(buf, at, to),
      afterRead: () => gate.pass() ?? output.drain(),
    });
    return this.#stream;
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

  /** True when the server writes another file by now: the next set-up sees whether all of this one was read. */
  async #isLeft(file: string): Promise<boolean> {
    return (await logFiles(this.#sql)).at(-1)?.Log_name !== file;
  }
}
