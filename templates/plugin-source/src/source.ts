/** Reads the journal: first what it amounts to, as a snapshot, then every change behind that. */
import {
  type Finding,
  type Position,
  type RowOp,
  type RowWriter,
  type SourceOpenOptions,
  type SourceOutput,
  type SourceReader,
  type TableDescription,
  type TableSchema,
  TailraceError,
} from 'tailrace/sdk';
import type { Config } from './config.ts';
import { type Entry, Journal, unreadable } from './journal.ts';

type Options = SourceOpenOptions<Config>;

const POLL_MS = 100;

/** For `tailrace check`. Changes nothing. */
export async function check({ config }: Options): Promise<readonly Finding[]> {
  try {
    await (await Journal.open(config.path)).close();
    return [{ level: 'ok', message: 'the journal can be read' }];
  } catch (error) {
    if (!(error instanceof TailraceError)) throw error;
    const { code, message, remedy = 'see the message' } = error;
    return [{ level: 'problem', code, message, remedy, path: ['path'] }];
  }
}

/** The table as the rules of a pipeline see it. */
export function describe({ config, name, tables }: Options): TableDescription {
  const [wanted = '', more] = tables;
  if (more !== undefined) {
    throw new TailraceError('source.not_ready', 'a journal holds one table', {
      remedy: 'give each a source of its own',
    });
  }
  const dot = wanted.indexOf('.');
  const columns = config.columns.map((column, i) => {
    return { name: column, kind: 'text', native: 'text', nullable: i > 0, ...(i === 0 && { keyOrdinal: 1 }) } as const;
  });
  return { source: name, schema: wanted.slice(0, dot), table: wanted.slice(dot + 1), columns };
}

export async function open(options: Options): Promise<SourceReader> {
  return new JournalReader(await Journal.open(options.config.path), options);
}

class JournalReader implements SourceReader {
  readonly #journal: Journal;
  readonly #options: Options;

  constructor(journal: Journal, options: Options) {
    this.#journal = journal;
    this.#options = options;
  }

  async run(from: Position | null, output: SourceOutput, signal: AbortSignal): Promise<void> {
    const table = output.register(describe(this.#options));
    let at = from === null ? await this.#begin(output, table, signal) : this.#resume(from);
    const writer = output.writer(table);
    while (!signal.aborted) {
      if ((await this.#journal.size()) < at) throw this.#gap('is shorter than what was read of it');
      const entries = await this.#journal.read(at);
      for (const entry of entries) {
        // What the system does at once stays one transaction: the position is saved at its end only.
        output.begin({ id: String(at), kind: 'stream', timeUs: this.#nowUs(), position: String(at) });
        this.#write(writer, table, entry, at);
        output.end(this.#position((at = entry.next)));
      }
      await drained(output, signal);
      if (entries.length === 0) await this.#options.context.clock.sleep(POLL_MS, signal).catch(() => {});
    }
  }

  /** All up to here is durable in the log: a system that keeps changes for its readers may forget them. */
  acknowledge(_position: Position): void {}

  async close(): Promise<void> {
    await this.#journal.close().catch(() => {});
  }

  /** Resolves to where the stream goes on: exactly behind what the snapshot has seen. */
  async #begin(output: SourceOutput, table: TableSchema, signal: AbortSignal): Promise<number> {
    const { snapshot, config } = this.#options;
    const end = await this.#journal.size();
    const key = config.columns[0]!;
    const rows = new Map<string, Entry>();
    let at = this.#journal.start;
    while (at < end) {
      if (signal.aborted) return at;
      const entries = await this.#journal.read(at);
      if (entries.length === 0) break;
      for (const entry of entries) {
        if (entry.op === 'delete') rows.delete(String(entry.row[key]));
        else rows.set(String(entry.row[key]), entry);
        at = entry.next;
      }
    }
    if (snapshot === 'never') {
      output.heartbeat(this.#position(at));
      return at;
    }
    const id = `${this.#journal.name}-${at}`;
    output.begin({ id, kind: 'snapshot', timeUs: this.#nowUs(), position: String(at), sendsAll: true });
    output.marker({ op: 'snapshot-begin', table, snapshot: id });
    const writer = output.writer(table);
    for (const { row } of rows.values()) {
      writeRow(writer, table, 'r', row, at);
      await drained(output, signal);
      // What was written of it is dropped; the next reader begins anew.
      if (signal.aborted) return at;
    }
    output.marker({ op: 'snapshot-end', table, snapshot: id });
    output.end(this.#position(at));
    return at;
  }

  #resume({ v, journal, offset }: Position): number {
    if (v !== 1 || journal !== this.#journal.name) throw this.#gap('is not the one that was read');
    return Number(offset);
  }

  #write(writer: RowWriter, table: TableSchema, { op, row }: Entry, at: number): void {
    writeRow(writer, table, op === 'delete' ? 'd' : op === 'insert' ? 'c' : 'u', row, at);
  }

  #position(offset: number): Position {
    return { v: 1, journal: this.#journal.name, offset };
  }

  #nowUs(): number {
    return this.#options.context.clock.now() * 1_000;
  }

  #gap(why: string): TailraceError {
    return new TailraceError('source.gap', `the journal ${why}`, {
      remedy: 'bring the old one back, or have the table read anew with on_gap: resnapshot',
    });
  }
}

/** Waits while the log is behind, at most until the reading is stopped. */
async function drained(output: SourceOutput, signal: AbortSignal): Promise<void> {
  const full = output.drain();
  if (full === undefined || signal.aborted) return;
  const stopped = Promise.withResolvers<void>();
  const stop = () => stopped.resolve();
  signal.addEventListener('abort', stop, { once: true });
  await Promise.race([full, stopped.promise]).finally(() => signal.removeEventListener('abort', stop));
}

function writeRow(writer: RowWriter, table: TableSchema, op: RowOp, row: Entry['row'], at: number): void {
  const { columns } = table;
  const lacks = columns.some(({ name, keyOrdinal }) => {
    return keyOrdinal === undefined ? op !== 'd' && row[name] === undefined : typeof row[name] !== 'string';
  });
  if (lacks) throw unreadable(at, 'lacks a column');
  writer.begin(op);
  writer.side(op === 'd' ? 'before' : 'after');
  for (const [i, { name, keyOrdinal }] of columns.entries()) {
    const value = row[name];
    // Of a deleted row only the key is told: not the same as NULL.
    if (op === 'd' && keyOrdinal === undefined) writer.unchanged(i);
    else if (value == null) writer.null(i);
    else {
      const text = Buffer.from(value);
      writer.text(i, text, 0, text.length);
    }
  }
  writer.end();
}
