/** Puts produced batches into the log: at once, or into a client's transaction. */
import { TailraceError } from '../contracts/errors.ts';
import type { EndOffsets, LogTransaction, TopicPartition } from '../contracts/log.ts';
import { writeBigInt64 } from '../lib/bytes.ts';
import { lendFrame } from '../wire/buffer-pool.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import type { BatchHeader } from '../wire/record-batch.ts';
import type { Broker } from './broker.ts';
import type { Rejected } from './produced-batch.ts';
import { abortableAs, fencedAs } from './transactions/error-codes.ts';

/** From here on a partition is added to the transaction by the request itself. */
const ADDS_PARTITIONS_FROM = 12;
const ABORTABLE_FROM = 11;

/** A valid batch on its way into the log. */
export interface Accepted extends TopicPartition {
  readonly bytes: Buffer;
  readonly header: BatchHeader;
  /** An offset that is not above the batch's. */
  readonly from: bigint;
}

/** One partition of the request, and what became of it. */
export interface Entry extends TopicPartition {
  readonly batch: Accepted | null;
  readonly logStart: bigint;
  outcome: Rejected | bigint | Promise<Rejected | bigint>;
}

/**
 * Stages what is valid; nothing is durable, and no offset known, before the transaction ends. Every entry has its outcome, a
 * promise. Synchronous up to the queue of the transaction, so that requests are staged in the order in which they came.
 */
export function stageAll(broker: Broker, transactionalId: string, entries: readonly Entry[], version: number): void {
  for (const entry of entries) {
    if (entry.batch !== null) entry.outcome = stageOne(broker, transactionalId, entry.batch, version);
  }
}

async function stageOne(
  { transactions }: Broker,
  transactionalId: string,
  batch: Accepted,
  version: number,
): Promise<Rejected | bigint> {
  writeBigInt64(batch.bytes, 0, 0n);
  const adds = version >= ADDS_PARTITIONS_FROM;
  const place = { topic: batch.topic, partition: batch.partition };
  const outcome = await transactions.produce(transactionalId, place, batch.bytes, batch.header, adds);
  if (outcome === KafkaError.NONE) return -1n;
  const abortable = version >= ABORTABLE_FROM;
  const told = abortable && outcome === KafkaError.INVALID_TXN_STATE ? KafkaError.TRANSACTION_ABORTABLE : outcome;
  // No producer expects PRODUCER_FENCED here.
  const errorCode = fencedAs(abortableAs(told, abortable), false);
  return { errorCode, message: 'the transaction does not take the batch' };
}

/** Commits what is valid. Afterwards every entry has its outcome, a promise where it depends on an earlier request. */
export async function appendAll(broker: Broker, entries: readonly Entry[]): Promise<void> {
  if (entries.every(({ batch }) => batch === null)) return;
  const { promise: durable, resolve, reject } = Promise.withResolvers<EndOffsets>();
  durable.catch(() => {});
  const appended: Accepted[] = [];
  try {
    const ends = await broker.writer.commit(async (transaction) => {
      for (const entry of entries) {
        const alone = entries.length === 1;
        if (entry.batch !== null && (await stage(broker, { entry, alone }, entry.batch, transaction, durable))) {
          appended.push(entry.batch);
        }
      }
      return appended.length > 0;
    });
    broker.failpoint('kafka.before-ack');
    resolve(ends);
  } catch (error) {
    reject(error);
    for (const batch of appended) {
      if (isIdempotent(batch)) broker.producers.restore(batch, batch.header.producerId);
    }
  }
}

/** Whether the batch has been appended; else the entry has its outcome. */
async function stage(
  broker: Broker,
  { entry, alone }: { readonly entry: Entry /** In its request. */; readonly alone: boolean },
  batch: Accepted,
  transaction: LogTransaction,
  durable: Promise<EndOffsets>,
): Promise<boolean> {
  const offset = durable.then((ends) => baseOf(ends, batch));
  offset.catch(() => {});
  if (isIdempotent(batch)) {
    const verdict = broker.producers.judge(batch, batch.header);
    if (verdict.kind !== 'append') {
      entry.outcome = verdict.kind === 'duplicate' ? verdict.offset : verdict;
      return false;
    }
  }
  entry.outcome = offset;
  // The log counts from 0 and gives the batch its place; clients write anything here.
  writeBigInt64(batch.bytes, 0, 0n);
  if (alone) lendFrame(batch.bytes);
  await transaction.append(batch.topic, batch.partition, batch.bytes);
  if (!isIdempotent(batch)) return true;
  const evicted = broker.producers.append(batch, batch.header, offset, batch.from, broker.clock.now());
  if (evicted !== null) transaction.checkpoint(evicted, null);
  broker.producers.store(batch, batch.header.producerId, transaction);
  return true;
}

function isIdempotent({ header }: Accepted): boolean {
  return header.producerId >= 0n;
}

function baseOf(ends: EndOffsets, { topic, partition }: TopicPartition): bigint {
  const end = ends.find((candidate) => candidate.topic === topic && candidate.partition === partition);
  if (end === undefined) throw new TailraceError('internal.bug', 'a committed partition has no end offset');
  return end.baseOffset;
}
