/** All transactional producers of the node, by transactional id. Calls for one id run one after the other. */
import type { TopicPartition } from '../../contracts/log.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { TRANSACTION_PREFIX, transactionCheckpoint } from '../checkpoint-names.ts';
import { type ProducerBatch, removeCheckpoints } from '../producers.ts';
import { TransactionalProducer } from './producer.ts';
import type { TransactionServices } from './services.ts';
import type { ProducerIdentity, StoredProducer } from './stored-producer.ts';
import { WriterSlots } from './writer-slots.ts';

/** `transaction.max.timeout.ms`. */
const MAX_TIMEOUT_MS = 900_000;
/** A transactional id that is not used for longer is forgotten, ms: `transactional.id.expiration.ms`. */
const EXPIRY_MS = 7 * 86_400_000;
const MAX_PRODUCERS = 10_000;
/** What a transaction of the log may hold in memory before it stages on disk, in bytes. */
const UNSPILLED_BYTES = 16 << 20;

export interface InitResult extends ProducerIdentity {
  readonly errorCode: KafkaErrorCode;
}

interface Entry {
  readonly producer: TransactionalProducer;
  turn: Promise<unknown>;
}

export class TransactionCoordinator {
  readonly #services: TransactionServices;
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  /** Ids that are being made. */
  readonly #making = new Map<string, Promise<void>>();

  /** @param maxBytes of staged records in memory, of all transactions together, about */
  constructor(services: Omit<TransactionServices, 'slots' | 'expire'>, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#services = {
      ...services,
      slots: new WriterSlots(services.log),
      expire: (id, transaction) => {
        // A log that has failed says so elsewhere.
        this.#exclusive(id, (producer) => producer.expire(transaction)).catch(() => {});
      },
    };
    for (const [name, value] of services.log.checkpoints.list(TRANSACTION_PREFIX)) {
      this.#enter(name.slice(TRANSACTION_PREFIX.length), JSON.parse(value) as StoredProducer);
    }
  }

  /** @param claimed what the producer was before, if it says so */
  async init(id: string, timeoutMs: number, claimed: ProducerIdentity | null): Promise<InitResult> {
    const refused = (errorCode: KafkaErrorCode) => ({ errorCode, producerId: -1n, epoch: -1 });
    if (id === '') return refused(KafkaError.INVALID_REQUEST);
    if (timeoutMs <= 0 || timeoutMs > MAX_TIMEOUT_MS) return refused(KafkaError.INVALID_TRANSACTION_TIMEOUT);
    const isNew = !this.#entries.has(id);
    if (isNew) {
      if (this.#entries.size >= MAX_PRODUCERS) return refused(KafkaError.COORDINATOR_NOT_AVAILABLE);
      await this.#make(id, timeoutMs);
    }
    return this.#exclusive(id, async (producer) => {
      // There was nothing to be fenced from: a producer whose id was forgotten goes on with another (KIP-360).
      if (!isNew && claimed !== null && producer.refusal(claimed) !== null) return refused(KafkaError.PRODUCER_FENCED);
      await producer.init(timeoutMs);
      return { errorCode: KafkaError.NONE, ...producer.identity };
    });
  }

  add(id: string, identity: ProducerIdentity, places: readonly TopicPartition[]): Promise<KafkaErrorCode> {
    return this.#checked(id, identity, (producer) => producer.add(places));
  }

  addGroup(id: string, identity: ProducerIdentity, group: string): Promise<KafkaErrorCode> {
    return this.#checked(id, identity, (producer) => producer.addGroup(group));
  }

  /** @param adds the request adds the partition by itself */
  produce(
    id: string,
    place: TopicPartition,
    bytes: Buffer,
    batch: ProducerBatch,
    adds: boolean,
  ): Promise<KafkaErrorCode> {
    const identity = { producerId: batch.producerId, epoch: batch.producerEpoch };
    return this.#checked(id, identity, async (producer) => {
      // The client tries again, when others have ended theirs.
      if (this.#stagedBytes() + bytes.length > this.#maxBytes) return KafkaError.KAFKA_STORAGE_ERROR;
      return producer.produce(place, bytes, batch, adds);
    });
  }

  /** @param adds the request adds the group by itself */
  commitOffset(
    id: string,
    identity: ProducerIdentity,
    offset: { readonly group: string; readonly place: TopicPartition; readonly value: string },
    adds: boolean,
  ): Promise<KafkaErrorCode> {
    const { group, place, value } = offset;
    return this.#checked(id, identity, (producer) => producer.commitOffset(group, place, value, adds));
  }

  /** @param bump the producer wants its next epoch, which comes back */
  end(id: string, identity: ProducerIdentity, commit: boolean, bump: boolean): Promise<InitResult> {
    const unknown = { errorCode: KafkaError.INVALID_PRODUCER_ID_MAPPING, producerId: -1n, epoch: -1 };
    if (!this.#entries.has(id)) return Promise.resolve(unknown);
    return this.#exclusive(id, async (producer) => {
      const errorCode = await producer.end(identity, commit, bump);
      return errorCode === KafkaError.NONE
        ? { errorCode, ...producer.identity }
        : { errorCode, producerId: -1n, epoch: -1 };
    });
  }

  /** Whether a commit of the offset is part of an open transaction. @param checkpoint its name */
  holds(checkpoint: string): boolean {
    for (const { producer } of this.#entries.values()) if (producer.open?.offsets.has(checkpoint)) return true;
    return false;
  }

  /** Forgets ids that nobody uses. @param now ms since 1970 */
  async expire(now: number): Promise<void> {
    const expired = [...this.#entries].filter(
      ([, { producer }]) => producer.open === null && now - producer.stored.updatedMs > EXPIRY_MS,
    );
    for (const [id] of expired) this.#entries.delete(id);
    await removeCheckpoints(
      this.#services.writer,
      expired.map(([id]) => transactionCheckpoint(id)),
    );
  }

  /** Drops what is staged. */
  async close(): Promise<void> {
    await Promise.all([...this.#entries.keys()].map((id) => this.#exclusive(id, (producer) => producer.close())));
  }

  #enter(id: string, stored: StoredProducer): void {
    const producer = new TransactionalProducer(id, stored, this.#services);
    this.#entries.set(id, { producer, turn: Promise.resolve() });
  }

  async #make(id: string, timeoutMs: number): Promise<void> {
    const making = this.#making.get(id) ?? this.#makeOnce(id, timeoutMs);
    this.#making.set(id, making);
    await making.finally(() => this.#making.delete(id));
  }

  /** Not durable yet: the first `init` makes it so, with epoch 0. */
  async #makeOnce(id: string, timeoutMs: number): Promise<void> {
    const { producerIds, clock } = this.#services;
    const producerId = String(await producerIds.next());
    this.#enter(id, {
      v: 1,
      producerId,
      epoch: -1,
      timeoutMs,
      state: 'empty',
      bumped: false,
      updatedMs: clock.now(),
    });
  }

  async #checked(
    id: string,
    identity: ProducerIdentity,
    run: (producer: TransactionalProducer) => Promise<KafkaErrorCode>,
  ): Promise<KafkaErrorCode> {
    if (!this.#entries.has(id)) return KafkaError.INVALID_PRODUCER_ID_MAPPING;
    return this.#exclusive(id, async (producer) => producer.refusal(identity) ?? run(producer));
  }

  #exclusive<Result>(id: string, run: (producer: TransactionalProducer) => Promise<Result>): Promise<Result> {
    const entry = this.#entries.get(id)!;
    const result = entry.turn.then(() => run(entry.producer));
    entry.turn = result.catch(() => {});
    return result;
  }

  #stagedBytes(): number {
    let bytes = 0;
    for (const { producer } of this.#entries.values()) bytes += Math.min(producer.open?.bytes ?? 0, UNSPILLED_BYTES);
    return bytes;
  }
}
