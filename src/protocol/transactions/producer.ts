/**
 * One transactional producer: its id and epoch, and its transaction (KIP-98, KIP-890). Calls come one at a time.
 *
 *     empty ──add, produce──▶ ongoing ──end──▶ committed | aborted ──add, produce──▶ ongoing …
 *
 * A state is durable before the client is told of it; `committed` in the same commit as the records and offsets
 * (Invariant 3). What is staged is not durable, and need not be: before the end nothing is promised.
 */
import type { LogTransaction, TopicPartition } from '../../contracts/log.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { transactionCheckpoint } from '../checkpoint-names.ts';
import { type ProducerBatch, removeCheckpoints } from '../producers.ts';
import type { TransactionServices } from './services.ts';
import { placeName, StagedTransaction } from './staged-transaction.ts';
import type { ProducerIdentity, StoredProducer, TransactionState } from './stored-producer.ts';

/** Epochs are int16, and the last one is kept for fencing. */
const MAX_EPOCH = 0x7fff - 1;
/** The offset of a staged batch is never told: it has none yet. */
const NO_OFFSET = Promise.resolve(-1n);

interface FinishOptions {
  /** The producer goes on with the next epoch, or another id where epochs are used up. */
  readonly bump: boolean;
  /** The producer is not told: it finds itself fenced. */
  readonly fence?: true;
  readonly timeoutMs?: number;
}

export class TransactionalProducer {
  readonly #id: string;
  readonly #services: TransactionServices;
  #stored: StoredProducer;
  #open: StagedTransaction | null = null;
  #timer: AbortController | null = null;

  constructor(id: string, stored: StoredProducer, services: TransactionServices) {
    this.#id = id;
    this.#stored = stored;
    this.#services = services;
  }

  get identity(): ProducerIdentity {
    return { producerId: BigInt(this.#stored.producerId), epoch: this.#stored.epoch };
  }

  get stored(): StoredProducer {
    return this.#stored;
  }

  get open(): StagedTransaction | null {
    return this.#open;
  }

  /** Why the identity is not this producer; null: it is. */
  refusal({ producerId, epoch }: ProducerIdentity): KafkaErrorCode | null {
    if (producerId !== this.identity.producerId) return KafkaError.INVALID_PRODUCER_ID_MAPPING;
    return epoch === this.#stored.epoch ? null : KafkaError.PRODUCER_FENCED;
  }

  /** A producer starts, or starts over: aborts what was open and fences who was there before. */
  async init(timeoutMs: number): Promise<void> {
    await this.#finish('empty', { bump: true, timeoutMs });
  }

  /** Adds partitions, beginning a transaction if none is open. */
  async add(places: readonly TopicPartition[]): Promise<KafkaErrorCode> {
    const refusal = await this.#begin();
    if (refusal !== null) return refusal;
    for (const place of places) this.#open!.places.set(placeName(place), place);
    return KafkaError.NONE;
  }

  async addGroup(group: string): Promise<KafkaErrorCode> {
    const refusal = await this.#begin();
    if (refusal !== null) return refusal;
    this.#open!.groups.add(group);
    return KafkaError.NONE;
  }

  /**
   * Stages a batch; a repeat of one that is staged is left out.
   * @param adds the request adds the partition by itself
   */
  async produce(place: TopicPartition, bytes: Buffer, batch: ProducerBatch, adds: boolean): Promise<KafkaErrorCode> {
    if (adds) {
      const refusal = await this.add([place]);
      if (refusal !== KafkaError.NONE) return refusal;
    }
    if (this.#open === null) return this.#lost ? KafkaError.TRANSACTION_ABORTABLE : KafkaError.INVALID_TXN_STATE;
    if (!this.#open.places.has(placeName(place))) return KafkaError.INVALID_TXN_STATE;
    const { producers, clock, writer } = this.#services;
    const verdict = producers.judge(place, batch);
    if (verdict.kind === 'refused') return verdict.errorCode;
    if (verdict.kind === 'duplicate') return KafkaError.NONE;
    await this.#open.append(place, bytes);
    const evicted = producers.append(place, batch, NO_OFFSET, -1n, clock.now());
    if (evicted !== null) await removeCheckpoints(writer, [evicted]);
    return KafkaError.NONE;
  }

  /** @param adds the request adds the group by itself */
  async commitOffset(group: string, place: TopicPartition, value: string, adds: boolean): Promise<KafkaErrorCode> {
    if (adds) {
      const refusal = await this.addGroup(group);
      if (refusal !== KafkaError.NONE) return refusal;
    }
    if (this.#open === null) return this.#lost ? KafkaError.TRANSACTION_ABORTABLE : KafkaError.INVALID_TXN_STATE;
    if (!this.#open.groups.has(group)) return KafkaError.INVALID_TXN_STATE;
    await this.#open.commitOffset(group, place, value);
    return KafkaError.NONE;
  }

  /**
   * @param identity the identity of the request, as `refusal` takes it
   * @param bump the producer goes on with another epoch: a request that comes late cannot end the next transaction
   */
  async end(identity: ProducerIdentity, commit: boolean, bump: boolean): Promise<KafkaErrorCode> {
    const wanted = commit ? 'committed' : 'aborted';
    const { state, bumped } = this.#stored;
    const before = { ...identity, epoch: identity.epoch + 1 };
    const repeated = bump && bumped && this.#open === null && this.refusal(before) === null;
    if (repeated) return state === wanted ? KafkaError.NONE : KafkaError.INVALID_TXN_STATE;
    const refusal = this.refusal(identity);
    if (refusal !== null) return refusal;
    if (this.#open === null) {
      if (this.#lost && commit) return KafkaError.TRANSACTION_ABORTABLE;
      if (!this.#lost && !bump) return state === wanted && !bumped ? KafkaError.NONE : KafkaError.INVALID_TXN_STATE;
      if (commit) return KafkaError.INVALID_TXN_STATE;
    }
    await this.#finish(wanted, { bump });
    return KafkaError.NONE;
  }

  /** The transaction took too long: aborts it and fences its producer. */
  async expire(transaction: StagedTransaction): Promise<void> {
    if (this.#open === transaction) await this.#finish('aborted', { bump: true, fence: true });
  }

  /** Drops what is staged, for a restart: nothing is made durable. */
  async close(): Promise<void> {
    this.#timer?.abort();
    await this.#open?.abort();
  }

  /** What was staged is gone: the process was started anew meanwhile. */
  get #lost(): boolean {
    return this.#open === null && this.#stored.state === 'ongoing';
  }

  async #begin(): Promise<KafkaErrorCode | null> {
    if (this.#open !== null) return null;
    if (this.#lost) return KafkaError.TRANSACTION_ABORTABLE;
    const ongoing: StoredProducer = { ...this.#stored, state: 'ongoing', updatedMs: this.#services.clock.now() };
    await this.#save(ongoing, (transaction) => this.#put(ongoing, transaction));
    const { log, slots } = this.#services;
    this.#open = new StagedTransaction(log, slots);
    this.#startTimer(this.#open);
    return null;
  }

  #startTimer(transaction: StagedTransaction): void {
    const stop = new AbortController();
    this.#timer = stop;
    this.#services.clock.sleep(this.#stored.timeoutMs, stop.signal).then(
      () => this.#services.expire(this.#id, transaction),
      () => {},
    );
  }

  async #finish(state: TransactionState, how: FinishOptions): Promise<void> {
    const next = await this.#next(state, how);
    const open = this.#open;
    this.#timer?.abort();
    this.#timer = null;
    const last = (transaction: LogTransaction) => {
      this.#put(next, transaction);
      const { producerId } = this.identity;
      for (const place of open?.produced.values() ?? []) this.#services.producers.store(place, producerId, transaction);
    };
    try {
      if (state === 'committed' && open !== null) {
        await open.commit(last);
        this.#stored = next;
      } else {
        await open?.abort();
        await this.#save(next, last);
      }
    } finally {
      // Not before: until then its offsets are neither committed nor not. After a failure it counts as lost.
      this.#open = null;
    }
  }

  async #next(state: TransactionState, { bump, fence, timeoutMs }: FinishOptions): Promise<StoredProducer> {
    const { clock, producerIds } = this.#services;
    const { producerId, epoch } = this.#stored;
    const exhausted = bump && epoch >= MAX_EPOCH;
    return {
      v: 1,
      producerId: exhausted ? String(await producerIds.next()) : producerId,
      epoch: exhausted ? 0 : bump ? epoch + 1 : epoch,
      timeoutMs: timeoutMs ?? this.#stored.timeoutMs,
      state,
      bumped: bump && fence !== true && state !== 'empty' && !exhausted,
      updatedMs: clock.now(),
    };
  }

  async #save(next: StoredProducer, put: (transaction: LogTransaction) => void): Promise<void> {
    await this.#services.writer.commit((transaction) => {
      put(transaction);
      return true;
    });
    this.#stored = next;
  }

  #put(stored: StoredProducer, transaction: LogTransaction): void {
    transaction.checkpoint(transactionCheckpoint(this.#id), JSON.stringify(stored));
  }
}
