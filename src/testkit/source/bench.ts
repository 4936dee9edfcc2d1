/** A source with a new origin, read into an output that keeps everything, in short words for the cases. */
import assert from 'node:assert/strict';
import type { SourceManifest } from '../../contracts/plugin.ts';
import type { Position, SourceOpenOptions, SourceReader } from '../../contracts/source.ts';
import { type LogLine, openOptions } from '../made-changes.ts';
import { type RecordedRow, RecordingOutput } from '../recording-output.ts';
import type { SourceChange, SourceDriver, SourceOrigin, SourceSettings } from '../source-driver.ts';
import type { CaseDefinition } from '../suite.ts';

/** What a case of a source is about. */
export interface SourceSubject {
  readonly source: SourceManifest;
  readonly driver: SourceDriver;
}

export type SourceCase = CaseDefinition<SourceSubject, SourceDriver>;

/** What became of one row: op as in records, id, a, b; undefined: not sent. */
export type Seen = readonly (string | null | undefined)[];

export const insert = (id: string, a: string | null = 'a', b: string | null = null): SourceChange => {
  return { op: 'insert', id, a, b };
};
export const update = (id: string, a: string | null, b: string | null = null): SourceChange => {
  return { op: 'update', id, a, b };
};
export const remove = (id: string): SourceChange => ({ op: 'delete', id });

/** Gives the case an origin, and removes it afterwards with all that was opened on it. */
export async function onOrigin<T>(
  { source, driver }: SourceSubject,
  work: (bench: SourceBench) => Promise<T>,
): Promise<T> {
  const origin = await driver.origin();
  const bench = new SourceBench(source, origin);
  try {
    return await work(bench);
  } finally {
    await bench.end();
    await source.teardown(bench.options()).catch(() => {});
    await origin.remove?.();
  }
}

export class SourceBench {
  readonly origin: SourceOrigin;
  /** What was logged by all readers. */
  readonly lines: LogLine[] = [];
  readonly #source: SourceManifest;
  readonly #open: Reading[] = [];

  constructor(source: SourceManifest, origin: SourceOrigin) {
    this.#source = source;
    this.origin = origin;
  }

  options(settings: SourceSettings = this.origin.settings): SourceOpenOptions<unknown> {
    const { lines, context } = openOptions(undefined);
    const log: typeof context.log = (...line) => {
      context.log(...line);
      this.lines.push(lines.at(-1)!);
    };
    return {
      config: this.#source.config.parse(settings),
      name: 'kit',
      instance: 'main',
      tables: [this.origin.table],
      snapshot: 'initial',
      context: { ...context, log },
    };
  }

  /** Starts to read. @param acknowledges each position at once, as if it was durable; else none ever */
  async read(from: Position | null = null, acknowledges = true): Promise<Reading> {
    const reading = new Reading(await this.#source.open(this.options()), from, acknowledges);
    this.#open.push(reading);
    return reading;
  }

  /** Ends what the case has left open. */
  async end(): Promise<void> {
    for (const reading of this.#open) await reading.stop().catch(() => {});
  }
}

/** A reader at work. */
export class Reading {
  readonly output = new RecordingOutput();
  readonly reader: SourceReader;
  /** Resolves or rejects as `run` does. */
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();

  constructor(reader: SourceReader, from: Position | null, acknowledges: boolean) {
    this.reader = reader;
    if (acknowledges) this.output.onPosition = (position) => reader.acknowledge(position);
    this.ended = reader.run(from, this.output, this.#stop.signal);
    this.ended.catch(() => {});
  }

  /** Waits until so many rows have come in ended transactions; rejects when the reader ends before. */
  async rows(count: number): Promise<readonly Seen[]> {
    const early = this.ended.then(() => assert.fail(`the reader ended with ${this.seen().length} of ${count} rows`));
    await Promise.race([this.output.until(() => this.output.rows().length >= count), early]);
    return this.seen();
  }

  seen(): readonly Seen[] {
    return this.output.rows().map(seenOf);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    try {
      await this.ended;
    } finally {
      await this.reader.close();
    }
  }
}

export function seenOf({ op, before, after }: RecordedRow): Seen {
  const { id, a, b } = after ?? before ?? {};
  return op === 'd' ? [op, id] : [op, id, a, b];
}
