/**
 * What idempotent producers have appended, per partition: a repeat is answered with the offset of the first time, a gap
 * and an older epoch are refused (KIP-98). The state of a producer in a partition is a checkpoint of the commit that
 * appended its batch, so it is exactly as durable as the batch (Invariant 3). When that is written the newest batches have
 * no offset yet: of them it tells where to begin to look.
 */
import type { Checkpoints, LogTransaction, TopicPartition } from '../contracts/log.ts';
import { KafkaError, type KafkaErrorCode } from '../wire/messages/error-codes.ts';
import type { BatchHeader } from '../wire/record-batch.ts';
import { PRODUCER_PREFIX, producerCheckpoint } from './checkpoint-names.ts';
import type { LogWriter } from './log-writer.ts';

/** As many as a client may have in flight. */
const REMEMBERED_BATCHES = 5;
/** Producers times partitions; the one that was silent longest is forgotten. */
const MAX_STATES = 20_000;
/** A producer that is silent for longer starts anew, ms: `producer.id.expiration.ms`. */
const EXPIRY_MS = 86_400_000;
/** Sequences are int32 and go from the largest to 0. */
const SEQUENCES = 2 ** 31;

interface AppendedBatch {
  readonly first: number;
  readonly last: number;
  /** Of the batch, or, while that is not known, an offset not above it. -1: it will never be known. */
  offset: bigint;
  exact: boolean;
  /** Settles with the offset when the batch is durable; null for a batch of an earlier run. */
  readonly durable: Promise<bigint> | null;
}

interface ProducerState {
  readonly epoch: number;
  /** Time of the last append, ms since 1970. */
  timestamp: number;
  /** Oldest first. */
  readonly batches: AppendedBatch[];
}

interface StoredState {
  readonly v: 1;
  readonly epoch: number;
  readonly timestamp: number;
  readonly batches: readonly (readonly [first: number, last: number, offset: string, exact: boolean])[];
}

export type Verdict =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly offset: Promise<bigint> }
  | { readonly kind: 'refused'; readonly errorCode: KafkaErrorCode; readonly message: string };

export type ProducerBatch = Pick<BatchHeader, 'producerId' | 'producerEpoch' | 'baseSequence' | 'count'>;

/** Offset of the batch at or after `from`; -1 when it is no longer there. */
export type LocateBatch = (at: TopicPartition, batch: ProducerBatch, from: bigint) => Promise<bigint>;

export class Producers {
  readonly #checkpoints: Checkpoints;
  readonly #locate: LocateBatch;
  /** By checkpoint name, the one that appended last at the end. */
  readonly #states = new Map<string, ProducerState>();

  constructor(checkpoints: Checkpoints, locate: LocateBatch) {
    this.#checkpoints = checkpoints;
    this.#locate = locate;
    const stored = checkpoints.list(PRODUCER_PREFIX).map(([name, value]) => [name, restored(value)] as const);
    for (const [name, state] of stored.sort(([, a], [, b]) => a.timestamp - b.timestamp)) this.#states.set(name, state);
  }

  judge(at: TopicPartition, batch: ProducerBatch): Verdict {
    const state = this.#states.get(producerCheckpoint(at.topic, at.partition, batch.producerId));
    const first = batch.baseSequence;
    if (state === undefined) return { kind: 'append' };
    if (batch.producerEpoch < state.epoch) {
      const message = `the producer's epoch is ${batch.producerEpoch}, ${state.epoch} has been seen`;
      return { kind: 'refused', errorCode: KafkaError.INVALID_PRODUCER_EPOCH, message };
    }
    const last = lastSequence(batch);
    const sameEpoch = batch.producerEpoch === state.epoch;
    const known = sameEpoch ? state.batches.find((seen) => seen.first === first && seen.last === last) : undefined;
    if (known !== undefined) return { kind: 'duplicate', offset: this.#offsetOf(at, batch, known) };
    const newest = sameEpoch ? state.batches.at(-1) : undefined;
    const expected = newest === undefined ? 0 : (newest.last + 1) % SEQUENCES;
    if (first === expected) return { kind: 'append' };
    const message = `the batch begins with sequence ${first}, ${expected} is next`;
    return { kind: 'refused', errorCode: KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, message };
  }

  /**
   * The batch, judged `append`, goes into a commit.
   * @param durable its offset, when it is durable; -1 when it will never be known
   * @param from an offset that is not above it
   * @returns the checkpoint of a producer that made room, to be removed
   */
  append(at: TopicPartition, batch: ProducerBatch, durable: Promise<bigint>, from: bigint, now: number): string | null {
    const name = producerCheckpoint(at.topic, at.partition, batch.producerId);
    const known = this.#states.get(name);
    const batches = known?.epoch === batch.producerEpoch ? known.batches : [];
    const appended = { first: batch.baseSequence, last: lastSequence(batch), offset: from, exact: false, durable };
    settle(appended, durable);
    batches.push(appended);
    if (batches.length > REMEMBERED_BATCHES) batches.shift();
    this.#states.delete(name);
    this.#states.set(name, { epoch: batch.producerEpoch, timestamp: now, batches });
    const [oldest] = this.#states.keys();
    if (this.#states.size <= MAX_STATES || oldest === undefined) return null;
    this.#states.delete(oldest);
    return oldest;
  }

  /** Puts what is known of the producer into the commit that makes it so. */
  store(at: TopicPartition, producerId: bigint, transaction: LogTransaction): void {
    const name = producerCheckpoint(at.topic, at.partition, producerId);
    const state = this.#states.get(name);
    if (state === undefined) return;
    const batches = state.batches.map(({ first, last, offset, exact }) => {
      return [first, last, String(offset), exact] as const;
    });
    const stored: StoredState = { v: 1, epoch: state.epoch, timestamp: state.timestamp, batches };
    transaction.checkpoint(name, JSON.stringify(stored));
  }

  #offsetOf(at: TopicPartition, batch: ProducerBatch, appended: AppendedBatch): Promise<bigint> {
    if (appended.durable !== null) return appended.durable;
    if (appended.exact) return Promise.resolve(appended.offset);
    const located = this.#locate(at, batch, appended.offset);
    settle(appended, located);
    return located;
  }

  /** The commit with the batch failed: goes back to what is durable. */
  restore(at: TopicPartition, producerId: bigint): void {
    const name = producerCheckpoint(at.topic, at.partition, producerId);
    const stored = this.#checkpoints.get(name);
    if (stored === undefined) this.#states.delete(name);
    else this.#states.set(name, restored(stored));
  }

  /** Forgets what was appended to a topic that is gone. Durable when it resolves. */
  async forgetTopic(topic: string, writer: LogWriter): Promise<void> {
    const prefix = `${PRODUCER_PREFIX}${topic}/`;
    const names = [...this.#states.keys()].filter((name) => name.startsWith(prefix));
    for (const name of names) this.#states.delete(name);
    await removeCheckpoints(writer, names);
  }

  /** Forgets producers that were silent for too long. Durable when it resolves. @param now ms since 1970 */
  async expire(now: number, writer: LogWriter): Promise<void> {
    const expired: string[] = [];
    for (const [name, state] of this.#states) {
      if (now - state.timestamp > EXPIRY_MS) expired.push(name);
    }
    for (const name of expired) this.#states.delete(name);
    await removeCheckpoints(writer, expired);
  }
}

export async function removeCheckpoints(writer: LogWriter, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  await writer.commit((transaction) => {
    for (const name of names) transaction.checkpoint(name, null);
    return true;
  });
}

function restored(value: string): ProducerState {
  const { epoch, timestamp, batches } = JSON.parse(value) as StoredState;
  return {
    epoch,
    timestamp,
    batches: batches.map(([first, last, offset, exact]) => {
      return { first, last, offset: BigInt(offset), exact, durable: null };
    }),
  };
}

/** Remembers the offset when it is known. A failure is somebody else's. */
function settle(appended: AppendedBatch, offset: Promise<bigint>): void {
  offset.then(
    (known) => {
      appended.offset = known;
      appended.exact = true;
    },
    () => {},
  );
}

function lastSequence({ baseSequence, count }: ProducerBatch): number {
  return (baseSequence + count - 1) % SEQUENCES;
}
