/** Reads what is left of one table: ranges side by side, each written in the order of the key. */
import { BoundaryFinder } from './boundary-finder.ts';
import type { CatalogTable } from './catalog.ts';
import type { ChunkPace } from './chunk-pace.ts';
import { type ChunkContext, readChunk } from './chunk-reader.ts';
import { writeChunk } from './chunk-writer.ts';
import type { KeyOrder } from './key-order.ts';
import type { TableName } from './names.ts';
import { PendingChunk } from './pending-chunk.ts';
import { fileNumber } from './position.ts';
import { logFiles } from './server.ts';
import type { SnapshotState } from './snapshot-state.ts';
import type { SourceProgress } from './source-progress.ts';
import type { StreamGate } from './stream-gate.ts';
import { TextConnection } from './text-connection.ts';

/** Between two tries of what could not be read, and two looks how far the stream is. */
const RETRY_MS = 20;
/** A stream that is as far behind comes first: what it brings of the ranges that are read has to be kept. */
const MAX_BEHIND_BYTES = 16 << 20;

export interface TurnContext extends ChunkContext {
  readonly progress: SourceProgress;
  readonly gate: StreamGate;
  readonly pace: ChunkPace;
}

export interface TurnTable {
  readonly table: TableName;
  readonly catalog: CatalogTable;
  readonly order: KeyOrder;
}

interface Reading {
  readonly chunk: PendingChunk;
  /** Resolves to true for a chunk that was too large. */
  readonly done: Promise<boolean>;
  isDone: boolean;
}

export class TableTurn {
  readonly #context: TurnContext;
  readonly #table: TurnTable;
  /** As it was last given to the progress: another one was set from outside. */
  #state: SnapshotState;
  #readings: Reading[] = [];
  #finder: BoundaryFinder | null = null;
  readonly #open = new Set<TextConnection>();
  readonly #idle: TextConnection[] = [];
  #isOver = false;

  constructor(context: TurnContext, table: TurnTable, state: SnapshotState) {
    this.#context = context;
    this.#table = table;
    this.#state = state;
  }

  /** Resolves when the table is read, or is not to be read any more. Rejects with what the server says, or the signal's reason. */
  async run(signal: AbortSignal): Promise<void> {
    const { gate, options, pace } = this.#context;
    const onAbort = () => this.#close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#untilNear(signal);
      while (this.#isWanted()) {
        await this.#fill(signal);
        const head = this.#readings[0]!;
        if (await head.done) pace.tooLarge();
        if (!head.chunk.isStale) await this.#reached(head.chunk, signal);
        const release = await gate.hold(signal);
        const isWritten = await this.#write(head.chunk, signal);
        // Not after a throw: what the stream has would go into the transaction that was left open.
        release();
        if (isWritten && head.chunk.to === null) return;
        if (isWritten) continue;
        // What the table is now has to be asked again.
        await options.context.clock.sleep(RETRY_MS, signal);
        return;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#drop();
    }
  }

  #isWanted(): boolean {
    const { progress } = this.#context;
    return !progress.isPaused && progress.snapshot(this.#table.table.label) === this.#state;
  }

  /** False when the range has to be read again, or is not wanted any more. The stream is held. */
  async #write(chunk: PendingChunk, signal: AbortSignal): Promise<boolean> {
    const { progress, output, options, pace } = this.#context;
    const { label } = this.#table.table;
    if (chunk.isStale || !chunk.isWhole || !this.#isWanted()) return false;
    const { failpoint } = options.context;
    const writing = { label, chunk, state: this.#state, progress, output, failpoint };
    const rows = await writeChunk(writing, signal);
    pace.read(rows, chunk.bytes);
    this.#readings.shift();
    const state = progress.snapshot(label);
    if (state === undefined) return true;
    this.#state = state;
    progress.coverage(label)!.reading(this.#readings.map((one) => one.chunk));
    return true;
  }

  /** Nothing of what is being read is of use. */
  #drop(): void {
    for (const { chunk } of this.#readings) chunk.spoil();
    this.#readings = [];
    this.#close();
  }

  #close(): void {
    this.#isOver = true;
    for (const connection of this.#open) connection.close();
    this.#open.clear();
    this.#idle.length = 0;
    this.#finder = null;
  }

  /** As many ranges are read as there are connections, and as many may wait to be written. */
  async #fill(signal: AbortSignal): Promise<void> {
    const count = this.#context.options.config.snapshot_connections;
    const isFull = () => this.#readings.filter(({ isDone }) => !isDone).length >= count;
    while (!isFull() && this.#readings.length < 2 * count) {
      const last = this.#readings.at(-1)?.chunk;
      if (last?.to === null) return;
      await this.#begin(last === undefined ? this.#state.to : last.to, signal);
    }
  }

  async #begin(from: PendingChunk['from'], signal: AbortSignal): Promise<void> {
    const { progress, gate, pace } = this.#context;
    const { table, order } = this.#table;
    const { where, absent, kind } = this.#state;
    const to = await (await this.#bounds()).next(from, pace.chunkRows, where);
    const asked = to === null ? absent : [];
    const chunk = new PendingChunk(from, to, asked);
    // Between two transactions: the snapshot sees all or nothing of what the chunk does not collect.
    const release = await gate.hold(signal);
    progress.coverage(table.label)?.reading([...this.#readings.map((one) => one.chunk), chunk]);
    const { gtid, file, pos } = progress.position;
    const since = { gtid, file, pos };
    release();
    const done = this.#read({ table, chunk, order, since, state: { kind, where }, absent: asked }, signal);
    const reading: Reading = { chunk, done, isDone: false };
    // What goes wrong is told where it is asked for.
    done.then(() => (reading.isDone = true)).catch(() => {});
    this.#readings.push(reading);
  }

  async #read(task: Parameters<typeof readChunk>[2], signal: AbortSignal): Promise<boolean> {
    const connection = await this.#connection();
    let isGood = false;
    try {
      const tooLarge = await readChunk(this.#context, connection, task, signal);
      isGood = !task.chunk.isStale;
      return tooLarge;
    } finally {
      if (isGood) this.#idle.push(connection);
      else {
        this.#open.delete(connection);
        connection.close();
      }
    }
  }

  async #connection(): Promise<TextConnection> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const connection = await TextConnection.open(this.#context.options.config.url);
    // Closed when it is used, where the turn is over by now.
    if (this.#isOver) connection.close();
    else this.#open.add(connection);
    return connection;
  }

  async #bounds(): Promise<BoundaryFinder> {
    const { table, catalog, order } = this.#table;
    this.#finder ??= new BoundaryFinder(await this.#connection(), table, catalog, order);
    return this.#finder;
  }

  async #reached({ snapshot }: PendingChunk, signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([this.#context.progress.reached(snapshot!.until), aborted]);
    signal.throwIfAborted();
  }

  async #untilNear(signal: AbortSignal): Promise<void> {
    const { sql, progress, options } = this.#context;
    for (;;) {
      // Up to the position nothing is sent, wherever the stream says to be.
      const { file, pos } = progress.position;
      const files = (await logFiles(sql)).filter(({ Log_name }) => fileNumber(Log_name) >= fileNumber(file));
      const behind = files.reduce((sum, { File_size }) => sum + Number(File_size), -pos);
      if (behind < MAX_BEHIND_BYTES) return;
      await options.context.clock.sleep(5 * RETRY_MS, signal);
    }
  }
}
