/** Decoded records of topics, for looking at: from any offset to the end, and on. */
import type { Envelope } from '../../contracts/envelope.ts';
import type { ChangePlace } from '../../contracts/inspect.ts';
import type { Log, LogRecord, TopicPartition } from '../../contracts/log.ts';
import type { Change } from '../../contracts/row.ts';
import type { SchemaFeed } from '../schema-feed.ts';

/** Of one read (Invariant 10). */
const READ_BYTES = 1 << 20;

export interface Cursor extends TopicPartition {
  next: bigint;
}

export interface SeenRecord {
  readonly place: ChangePlace;
  readonly change: Change | null;
  readonly error: unknown;
}

export interface Reading {
  readonly log: Pick<Log, 'read' | 'waitFor' | 'topics'>;
  readonly envelope: Envelope;
  readonly schemas: SchemaFeed;
  /** Of the bytes of a record's key: whether the record is decoded at all. Tombstones never are. */
  wants(key: string): boolean;
}

/** One cursor per partition; `last` records before its end, or at its start. */
export function cursorsOf({ log }: Pick<Reading, 'log'>, topic: string, last: number | 'all'): Cursor[] {
  const partitions = log.topics.get(topic)?.partitions ?? [];
  return partitions.map(({ partition, startOffset, endOffset }) => {
    const wanted = last === 'all' ? startOffset : endOffset - BigInt(last);
    return { topic, partition, next: wanted > startOffset ? wanted : startOffset };
  });
}

/** From each cursor to the end that its partition has, one after the other. Moves the cursors. */
export async function* readToEnd(
  reading: Reading,
  cursors: readonly Cursor[],
  signal: AbortSignal,
): AsyncGenerator<readonly SeenRecord[], void, undefined> {
  const { log, schemas } = reading;
  for (const cursor of cursors) {
    while (!signal.aborted) {
      const batches = await log.read(cursor.topic, cursor.partition, cursor.next, READ_BYTES);
      if (batches.length === 0) break;
      await schemas.catchUp();
      const records = batches.flatMap((batch) => [...batch.records()].filter(({ offset }) => offset >= cursor.next));
      yield records.flatMap((record) => seen(reading, cursor, record));
      cursor.next = batches.at(-1)!.nextOffset;
    }
  }
}

/** The same, and then what comes, until the signal aborts. */
export async function* follow(
  reading: Reading,
  cursors: readonly Cursor[],
  signal: AbortSignal,
): AsyncGenerator<readonly SeenRecord[], void, undefined> {
  while (!signal.aborted) {
    yield* readToEnd(reading, cursors, signal);
    try {
      const positions = cursors.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
      await reading.log.waitFor(positions, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function seen(
  { envelope, schemas, wants }: Reading,
  { topic, partition }: Cursor,
  record: LogRecord,
): readonly SeenRecord[] {
  if (record.value === null || !wants(record.key === null ? '' : Buffer.from(record.key).toString())) return [];
  const place = { topic, partition, offset: String(record.offset), timestamp: record.timestamp };
  try {
    const change = envelope.decode(record, schemas.store);
    return change === null ? [] : [{ place, change, error: null }];
  } catch (error) {
    return [{ place, change: null, error }];
  }
}
