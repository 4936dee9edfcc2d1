/**
 * Effectively once (DESIGN § 8): `flush` makes the lines durable, then the state that names positions and file lengths.
 * A session that ends before that leaves bytes past the recorded lengths, and the next one cuts them off.
 */
import { join, relative } from 'node:path';
import type {
  Change,
  Rejection,
  Sink,
  SinkBatch,
  SinkOpenOptions,
  SinkPositions,
  SinkRecord,
  TableSchema,
} from '../../src/sdk/index.ts';
import { fillTemplate } from '../../src/sdk/table-template.ts';
import { checkEpoch, KnownPositions, type StoredPosition } from '../../src/sdk/target/positions.ts';
import { SinkSession } from '../../src/sdk/target/sink-session.ts';
import { type DataFile, openDataFile } from './data-file.ts';
import { asSinkError } from './errors.ts';
import { asFileName } from './file-name.ts';
import { LineBuffer } from './json-line.ts';
import { type FileState, positionsOf, readState, rootOf, writeState } from './state-file.ts';

const WRITE_BYTES = 1 << 20;

interface Output {
  readonly file: DataFile;
  readonly lines: LineBuffer;
}

export class FileSink implements Sink {
  readonly #template: string;
  readonly #options: Omit<SinkOpenOptions<unknown>, 'config'>;
  /** By path relative to the state file. */
  readonly #outputs = new Map<string, Output>();
  readonly #names = new Map<TableSchema, string>();
  readonly #known: KnownPositions;
  readonly #session: SinkSession;
  #positions: Map<string, SinkPositions[number]>;
  #epoch: number | null = null;
  /** Lengths of the last save: those that a new session would go back to. */
  #saved: Readonly<Record<string, number>> = {};
  #open: { next: SinkPositions } | null = null;

  constructor(template: string, options: Omit<SinkOpenOptions<unknown>, 'config'>, stored: readonly StoredPosition[]) {
    this.#template = template;
    this.#session = new SinkSession((error) => asSinkError(error, template));
    this.#options = options;
    this.#known = new KnownPositions(stored, options.generation);
    const own = stored.filter(({ generation }) => generation === options.generation);
    this.#positions = new Map(own.map((position) => [nameOf(position), position]));
  }

  /** Opens the files of the state at their recorded lengths. */
  async recover(files: FileState['files']): Promise<void> {
    for (const [name, length] of Object.entries(files)) await this.#openOutput(name, length);
  }

  write(batch: SinkBatch, signal: AbortSignal): Promise<readonly Rejection[]> {
    return this.#session.run(async () => {
      if (batch.records.length === 0 && this.#known.changed(batch.next).length === 0) return [];
      await this.#begin(batch, signal);
      for (const record of batch.records) {
        if (leftOut(record.change)) continue;
        const output = this.#outputs.get(this.#nameOf(record.change.table))!;
        output.lines.add(record);
        if (output.lines.length >= WRITE_BYTES) await output.file.append(output.lines.take());
      }
      for (const { file, lines } of this.#outputs.values()) {
        if (lines.length > 0) await file.append(lines.take());
      }
      this.#open = { next: batch.next };
      return [];
    });
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.#session.run(async () => {
      this.#options.context.failpoint('sink.before-flush');
      if (this.#open === null) return;
      signal.throwIfAborted();
      for (const { file } of this.#outputs.values()) await file.sync();
      await this.#checkOwner();
      const { next } = this.#open;
      for (const position of next) this.#positions.set(nameOf(position), position);
      await this.#save();
      this.#known.remember(next);
      this.#open = null;
    });
  }

  async close(): Promise<void> {
    this.#session.end();
    const files = [...this.#outputs.values()].map(({ file }) => file);
    this.#outputs.clear();
    await Promise.allSettled(files.map((file) => file.close()));
  }

  /** Before the first byte of a batch: nobody newer writes here, and every file's length is in the durable state. */
  async #begin({ records, epoch }: SinkBatch, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const names = new Set(records.filter(({ change }) => !leftOut(change)).map((r) => this.#nameOf(r.change.table)));
    const unknown = [...names].filter((name) => !this.#outputs.has(name));
    if (this.#open === null && this.#epoch !== null) await this.#checkOwner();
    if (this.#epoch === null) {
      this.#epoch = epoch;
      this.#known.verify(await this.#checkOwner(), this.#options.id);
    } else if (unknown.length === 0) return;
    for (const name of unknown) await this.#openOutput(name, null);
    await this.#save(this.#open === null ? undefined : this.#saved);
  }

  async #checkOwner(): Promise<readonly StoredPosition[]> {
    const state = await readState(this.#template);
    if (state === null) return [];
    const stored = positionsOf(state);
    const { id } = this.#options;
    checkEpoch([{ topic: '', partition: 0, next: 0n, ...state }], this.#epoch!, id);
    return stored;
  }

  /** With `lengths`, files that are in the middle of an unflushed batch keep the length they had before it. */
  async #save(lengths: Readonly<Record<string, number>> = {}): Promise<void> {
    const { id, lineage, generation } = this.#options;
    const files = Object.fromEntries(
      [...this.#outputs].map(([name, { file }]) => [name, Object.hasOwn(lengths, name) ? lengths[name]! : file.length]),
    );
    await writeState(this.#template, {
      v: 1,
      sink: id,
      lineage: lineage.current,
      generation,
      epoch: this.#epoch!,
      positions: [...this.#positions.values()].map(({ topic, partition, next }) => ({
        topic,
        partition,
        next: String(next),
      })),
      files,
    });
    this.#saved = files;
  }

  async #openOutput(name: string, length: number | null): Promise<void> {
    const file = await openDataFile(join(rootOf(this.#template), name), length, this.#template);
    this.#outputs.set(name, { file, lines: new LineBuffer() });
  }

  #nameOf(table: TableSchema): string {
    let name = this.#names.get(table);
    if (name === undefined) {
      name = relative(rootOf(this.#template), fillTemplate(this.#template, table, asFileName));
      this.#names.set(table, name);
    }
    return name;
  }
}

/** A delete that a filter made of a row which never matched. */
function leftOut({ dropped }: Change): boolean {
  return dropped === true;
}

function nameOf({ topic, partition }: Pick<SinkRecord, 'topic' | 'partition'>): string {
  return `${topic}\0${partition}`;
}
