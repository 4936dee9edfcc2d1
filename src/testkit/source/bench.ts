/** A source with a new origin, read into an output that keeps everything, in short words for the cases. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
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

const POLL_MS = 5;
const SETTLE_MS = 100;
const PATIENCE_MS = 20_000;
const END = 'snapshot-end';

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
  const bench = new SourceBench(source, driver, origin);
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
  readonly source: SourceManifest;
  readonly driver: SourceDriver;
  /** Of what the source makes upstream: each case has its own. */
  readonly #name = `kit_${randomUUID().slice(0, 8)}`;
  readonly #open: Reading[] = [];

  constructor(source: SourceManifest, driver: SourceDriver, origin: SourceOrigin) {
    this.source = source;
    this.driver = driver;
    this.origin = origin;
  }

  options(settings: SourceSettings = this.origin.settings, name: string = this.#name): SourceOpenOptions<unknown> {
    const { lines, context } = openOptions(undefined);
    const log: typeof context.log = (...line) => {
      context.log(...line);
      this.lines.push(lines.at(-1)!);
    };
    return {
      config: this.source.config.parse(settings),
      name,
      instance: 'main',
      tables: [this.origin.table],
      snapshot: 'initial',
      context: { ...context, log },
    };
  }

  /** Starts to read. @param acknowledges each position at once, as if it was durable; else none ever */
  async read(from: Position | null = null, acknowledges = true): Promise<Reading> {
    const reading = new Reading(this.source, await this.open(), from, acknowledges);
    this.#open.push(reading);
    return reading;
  }

  /** A reader that does not run. */
  open(): Promise<SourceReader> {
    return this.source.open(this.options());
  }

  /** Long enough for a reader that does not wait to read on. */
  async settled(): Promise<void> {
    await sleep(SETTLE_MS);
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

  readonly #hasSnapshots: boolean;

  constructor({ emits }: SourceManifest, reader: SourceReader, from: Position | null, acknowledges: boolean) {
    this.#hasSnapshots = emits.includes(END);
    this.reader = reader;
    if (acknowledges) this.output.onPosition = (position) => reader.acknowledge(position);
    this.ended = reader.run(from, this.output, this.#stop.signal);
    this.ended.catch(() => {});
  }

  /** Waits until so many rows have come in ended transactions; rejects when the reader ends before. */
  async rows(count: number): Promise<readonly Seen[]> {
    await this.whenTrue(() => this.output.rows().length >= count, `${count} rows do not come`);
    return this.seen();
  }

  /** Waits until the snapshot of the empty table is over. */
  async begun(): Promise<void> {
    const isOver = () => this.output.transactions.some(({ markers }) => markers.some((one) => one.startsWith(END)));
    const isPlaced = () => this.output.lastPosition !== null;
    await this.whenTrue(this.#hasSnapshots ? isOver : isPlaced, 'the snapshot of an empty table does not end');
  }

  async until(condition: (seen: readonly Seen[]) => boolean): Promise<void> {
    await this.whenTrue(() => condition(this.seen()), 'what was awaited does not come');
  }

  /** Asked again and again; rejects when the reader ends before. */
  async whenTrue(condition: () => boolean, what: string): Promise<void> {
    let hasEnded = false;
    this.ended.then(
      () => (hasEnded = true),
      () => (hasEnded = true),
    );
    for (const end = performance.now() + PATIENCE_MS; !condition(); await sleep(POLL_MS)) {
      if (hasEnded) await this.ended;
      if (!hasEnded && performance.now() < end) continue;
      assert.fail(`${what}; ${hasEnded ? 'the reader ended; ' : ''}so far: ${JSON.stringify(this.seen().slice(-20))}`);
    }
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
