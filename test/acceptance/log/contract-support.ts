/** Shared by the parts of the contract suite. Offsets may have holes: a Kafka cluster puts transaction markers between. */
import { expect, onTestFinished } from 'vitest';
import type { EndOffsets, Log, LogRecord, LogTransaction, StoredBatch } from '../../../src/contracts/log.ts';
import { batchOf } from '../../support/log-batches.ts';
import type { CreateLogStore, LogStore } from './log-under-test.ts';

export const TOPICS = { orders: 1, items: 3 } as const;
export const MANY_BYTES = 1 << 20;

/** A part of the contract: declares its tests for a backend. */
export function suite(declare: (create: CreateLogStore) => void): (create: CreateLogStore) => void {
  return declare;
}

export interface Opened {
  readonly store: LogStore;
  readonly log: Log;
}

/** A new log with the topics `orders`, one partition, and `items`, three. */
export async function opened(create: CreateLogStore): Promise<Opened> {
  const store = await create();
  onTestFinished(() => store.remove());
  const log = await store.open();
  for (const [name, partitions] of Object.entries(TOPICS)) {
    await log.topics.ensure(name, { partitions, cleanup: 'delete' });
  }
  return { store, log };
}

export interface Written {
  readonly orders?: readonly string[];
  /** To partition 2 of `items`. */
  readonly items?: readonly string[];
  readonly checkpoints?: Readonly<Record<string, string | null>>;
}

/** Appends a batch for each list of values. */
export async function fill(transaction: LogTransaction, { orders, items, checkpoints }: Written): Promise<void> {
  if (orders !== undefined) await transaction.append('orders', 0, batchOf(orders));
  if (items !== undefined) await transaction.append('items', 2, batchOf(items));
  for (const [name, value] of Object.entries(checkpoints ?? {})) transaction.checkpoint(name, value);
}

export async function write(log: Log, written: Written, writer = 'writer', epoch = 0): Promise<EndOffsets> {
  const transaction = log.begin(writer, epoch);
  await fill(transaction, written);
  return transaction.commit();
}

export function endOf(log: Log, topic: string, partition = 0): bigint {
  return log.topics.get(topic)!.partitions[partition]!.endOffset;
}

/** All batches from `from` on; each begins at or above the end of the one before, and something is there below the end. */
export async function batchesFrom(
  log: Log,
  topic: string,
  partition: number,
  from: bigint,
  maxBytes = MANY_BYTES,
): Promise<StoredBatch[]> {
  const end = endOf(log, topic, partition);
  const found: StoredBatch[] = [];
  for (let next = from; next < end; ) {
    const batches = await log.read(topic, partition, next, maxBytes);
    // Behind the last record there may be markers, which no reader sees.
    if (batches.length === 0) break;
    for (const batch of batches) {
      expect(batch.nextOffset).toBeGreaterThan(next);
      if (found.length > 0) expect(batch.baseOffset).toBeGreaterThanOrEqual(next);
      next = batch.nextOffset;
      found.push(batch);
    }
  }
  return found;
}

export async function recordsIn(log: Log, topic: string, partition = 0, maxBytes = MANY_BYTES): Promise<LogRecord[]> {
  const start = log.topics.get(topic)!.partitions[partition]!.startOffset;
  const batches = await batchesFrom(log, topic, partition, start, maxBytes);
  return batches.flatMap((batch) => [...batch.records()]);
}

export const text = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString();

export async function valuesOf(log: Log, topic: string, partition = 0): Promise<string[]> {
  return (await recordsIn(log, topic, partition)).map(({ value }) => text(value));
}

/** What a reader sees of the two topics and one checkpoint. */
export async function visible(log: Log): Promise<{ orders: string[]; items: string[]; position: string | undefined }> {
  return {
    orders: await valuesOf(log, 'orders'),
    items: await valuesOf(log, 'items', 2),
    position: log.checkpoints.get('position'),
  };
}

/** The code of what a call throws or rejects with; undefined when it does neither. */
export async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}
