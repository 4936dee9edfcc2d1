/**
 * Records that a sink will never accept, kept in a topic of the log so that they can be listed and worked later.
 *
 * Key: `pipeline/sink/topic-partition-offset`, so a repeat of the same record is one entry under compaction.
 * Value (JSON): state, cause, and for `open` the record's original bytes (base64).
 *   open        waits for somebody
 *   held        was put behind an open one of the same key, because applying it alone would lose columns or order
 *   superseded  a later full row or delete of the key was applied
 */
import type { Envelope } from '../contracts/envelope.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { Log } from '../contracts/log.ts';
import type { Clock } from '../contracts/plugin.ts';
import { type Change, NOT_SENT } from '../contracts/row.ts';
import { deadLetterTopic } from './checkpoint-names.ts';
import type { ReadRecord } from './sink-reader.ts';

/** Keys with open dead letters kept in memory; above it the sink pauses (Invariant 10). */
const MAX_OPEN_KEYS = 10_000;
const READ_BYTES = 1 << 20;
const MINUTE_MS = 60_000;

export interface DeadLetter {
  readonly record: ReadRecord;
  readonly state: 'open' | 'held';
  readonly error: unknown;
}

export interface DeadLetterOptions {
  readonly log: Log;
  readonly envelope: Envelope;
  readonly clock: Clock;
  readonly pipeline: string;
  readonly sink: string;
  readonly keeps: 'last-value' | 'append';
  readonly maxPerMinute: number;
}

export class DeadLetters {
  readonly #options: DeadLetterOptions;
  /** Row → dead letter keys that are open for it. */
  readonly #open = new Map<string, string[]>();
  readonly #recent: number[] = [];
  total = 0;

  constructor(options: DeadLetterOptions) {
    this.#options = options;
  }

  /** Creates the topic and reads which rows have open dead letters of this sink. */
  async load(): Promise<void> {
    const { log, pipeline, sink } = this.#options;
    const topic = await log.topics.ensure(deadLetterTopic(pipeline), { partitions: 1, cleanup: 'compact' });
    const end = topic.partitions[0]!.endOffset;
    this.#open.clear();
    for (let next = topic.partitions[0]!.startOffset; next < end; ) {
      for (const batch of await log.read(topic.name, 0, next, READ_BYTES)) {
        for (const { key, value } of batch.records()) {
          const name = Buffer.from(key ?? []).toString();
          if (name.startsWith(`${pipeline}/${sink}/`) && value !== null)
            this.#restore(name, Buffer.from(value).toString());
        }
        next = batch.nextOffset;
      }
    }
  }

  /** Must this change wait behind an open dead letter of its row, or behind one of `unwritten` (DESIGN § 8; Invariant 6)? */
  holds(topic: string, change: Change, unwritten: Set<string>): boolean {
    if (this.#open.size === 0 && unwritten.size === 0) return false;
    const row = rowName(topic, change);
    if (!this.#open.has(row) && !unwritten.has(row)) return false;
    if (this.#options.keeps === 'append' || !isWhole(change)) return true;
    unwritten.delete(row);
    return false;
  }

  /** Makes the letters durable, and marks those superseded by the applied records; nothing to do is free. */
  async write(letters: readonly DeadLetter[], applied: readonly ReadRecord[], epoch: number): Promise<void> {
    const entries = letters.map((letter) => this.#entry(letter));
    if (this.#open.size > 0) entries.push(...this.#superseded(applied));
    if (entries.length === 0) return;
    this.#guard(letters.filter((letter) => letter.state === 'open').length);
    const { log, envelope, clock, pipeline, sink } = this.#options;
    const transaction = log.begin(`dead-letters/${pipeline}/${sink}`, epoch);
    const records = entries.map(([key, value]) => ({
      key: Buffer.from(key),
      value: Buffer.from(JSON.stringify(value)),
    }));
    await transaction.append(deadLetterTopic(pipeline), 0, envelope.batch(records, clock.now()));
    await transaction.commit();
    this.total += letters.length;
    for (const letter of letters) this.#remember(letter.record, this.#keyOf(letter.record));
  }

  fence(): Promise<number> {
    const { log, pipeline, sink } = this.#options;
    return log.fence(`dead-letters/${pipeline}/${sink}`);
  }

  #keyOf({ topic, partition, offset }: ReadRecord): string {
    const { pipeline, sink } = this.#options;
    return `${pipeline}/${sink}/${topic}-${partition}-${offset}`;
  }

  #entry({ record, state, error }: DeadLetter): [string, object] {
    const known = error instanceof TailraceError ? error : null;
    const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString('base64'));
    return [
      this.#keyOf(record),
      {
        state,
        row: record.change === null ? null : rowName(record.topic, record.change),
        topic: record.topic,
        partition: record.partition,
        offset: String(record.offset),
        code: known?.code ?? 'internal.bug',
        message: known?.message ?? 'the record could not be decoded',
        detail: known?.detail ?? (error instanceof Error ? error.message : null),
        at: this.#options.clock.now(),
        key: text(record.raw.key),
        value: text(record.raw.value),
        headers: record.raw.headers.map(({ key, value }) => [key, text(value)]),
      },
    ];
  }

  #superseded(applied: readonly ReadRecord[]): [string, object][] {
    const entries: [string, object][] = [];
    for (const { topic, change } of applied) {
      if (change === null) continue;
      const row = rowName(topic, change);
      for (const key of this.#open.get(row) ?? []) entries.push([key, { state: 'superseded' }]);
      this.#open.delete(row);
    }
    return entries;
  }

  /** A burst means that something is wrong with the target or the rules, not with single records: stop (DESIGN § 8). */
  #guard(count: number): void {
    const { clock, maxPerMinute, pipeline, sink } = this.#options;
    const now = clock.monotonic();
    while (this.#recent.length > 0 && now - this.#recent[0]! > MINUTE_MS) this.#recent.shift();
    if (this.#recent.length + count > maxPerMinute || this.#open.size + count > MAX_OPEN_KEYS) {
      throw new TailraceError(
        'dlq.burst',
        `more than ${maxPerMinute} records a minute refused for ${pipeline}/${sink}`,
        {
          remedy: 'look at the cause in the log above, mend the target or the rules, then start again',
        },
      );
    }
    for (let i = 0; i < count; i++) this.#recent.push(now);
  }

  #restore(key: string, value: string): void {
    const entry = JSON.parse(value) as { state: string; row?: string | null };
    if (entry.state === 'superseded') {
      for (const [row, keys] of this.#open) if (keys.includes(key)) this.#open.delete(row);
    } else if (typeof entry.row === 'string') {
      this.#open.set(entry.row, [...(this.#open.get(entry.row) ?? []), key]);
    }
  }

  #remember(record: ReadRecord, key: string): void {
    if (record.change === null) return;
    const row = rowName(record.topic, record.change);
    const keys = this.#open.get(row) ?? [];
    if (!keys.includes(key)) this.#open.set(row, [...keys, key]);
  }
}

/** What dead letters are held by: the row, within its topic. */
export function rowName(topic: string, change: Change): string {
  return `${topic} ${change.key}`;
}

/** True when the change says everything about its row: a delete, a marker, or a row with all columns sent. */
function isWhole(change: Change): boolean {
  const { after } = change;
  return after === null || after.columns.every((_, index) => after.get(index) !== NOT_SENT);
}
