import { afterEach, describe, expect, test } from 'vitest';
import { startListener, TestBroker } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { producedBatch, signed } from '../../test/support/produced-batch.ts';
import type { Log } from '../contracts/log.ts';
import { addOffsetsToTxn } from '../wire/messages/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from '../wire/messages/add-partitions-to-txn.ts';
import { apiVersions } from '../wire/messages/api-versions.ts';
import { endTxn } from '../wire/messages/end-txn.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { initProducerId } from '../wire/messages/init-producer-id.ts';
import { offsetFetch } from '../wire/messages/offset-fetch.ts';
import { produce } from '../wire/messages/produce.ts';
import { txnOffsetCommit } from '../wire/messages/txn-offset-commit.ts';
import type { KafkaListener } from './index.ts';

const {
  NONE,
  INVALID_PRODUCER_EPOCH,
  INVALID_PRODUCER_ID_MAPPING,
  INVALID_TXN_STATE,
  PRODUCER_FENCED,
  TRANSACTION_ABORTABLE,
} = KafkaError;

/** A transactional producer that says what the test wants. */
class Producer {
  readonly client: WireClient;
  readonly id: string;
  producerId = -1n;
  epoch = -1;
  /** Next, by partition. */
  sequences: number[] = [0, 0];

  constructor(client: WireClient, id = 'tx') {
    this.client = client;
    this.id = id;
  }

  async init(more: object = {}, version = 5): Promise<number> {
    const request = { transactionalId: this.id, transactionTimeoutMs: 60_000, ...more };
    const answer = await this.client.ask(initProducerId, version, request);
    if (answer.errorCode === NONE) this.#become(answer.producerId, answer.producerEpoch);
    return answer.errorCode;
  }

  async add(partition = 0, topic = 't', version = 3): Promise<number> {
    const topics = [{ name: topic, partitions: [partition] }];
    const answer = await this.client.ask(addPartitionsToTxn, version, { ...this.#identity, topics });
    return answer.results[0]!.resultsByPartition[0]!.partitionErrorCode;
  }

  async send(value: string, version = 11, partition = 0, sequence = this.sequences[partition]!): Promise<number> {
    const batch = producedBatch([value], { producerId: this.producerId, epoch: this.epoch, sequence });
    batch.writeInt16BE(batch.readInt16BE(21) | 0x10, 21);
    const partitionData = [{ index: partition, records: [signed(batch)] }];
    const topicData = [{ name: 't', partitionData }];
    const request = { transactionalId: this.id, acks: -1, timeoutMs: 0, topicData };
    const { responses } = await this.client.ask(produce, version, request);
    const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!;
    if (errorCode === NONE) {
      expect(baseOffset).toBe(-1n);
      if (sequence === this.sequences[partition]) this.sequences[partition] = sequence + 1;
    }
    return errorCode;
  }

  async addGroup(version = 3): Promise<number> {
    return (await this.client.ask(addOffsetsToTxn, version, { ...this.#identity, groupId: 'g' })).errorCode;
  }

  async commitOffset(offset: bigint, version = 3, more: object = {}): Promise<number> {
    const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: 'm' }];
    const request = { ...this.#identity, groupId: 'g', topics: [{ name: 't', partitions }], ...more };
    return (await this.client.ask(txnOffsetCommit, version, request)).topics[0]!.partitions[0]!.errorCode;
  }

  async end(committed: boolean, version = 3, identity = this.identity): Promise<number> {
    const answer = await this.client.ask(endTxn, version, { ...this.#identity, ...identity, committed });
    if (answer.errorCode === NONE && version >= 5) this.#become(answer.producerId, answer.producerEpoch);
    return answer.errorCode;
  }

  get identity() {
    return { producerId: this.producerId, producerEpoch: this.epoch };
  }

  get #identity() {
    return { transactionalId: this.id, ...this.identity };
  }

  /** Sequences begin anew with each epoch. */
  #become(producerId: bigint, epoch: number): void {
    if (this.producerId !== producerId || this.epoch !== epoch) this.sequences = [0, 0];
    this.producerId = producerId;
    this.epoch = epoch;
  }
}

async function valuesIn(log: Log, partition = 0): Promise<string[]> {
  const batches = await log.read('t', partition, 0n, 1 << 20);
  return batches.flatMap((batch) => [...batch.records()].map(({ value }) => String(value)));
}

describe('transactions', () => {
  let log: MemoryLog;
  let listener: KafkaListener;
  let clock: ManualClock;
  const clients: WireClient[] = [];
  const newProducer = async (id?: string) => {
    const client = await WireClient.connect(listener.port);
    clients.push(client);
    return new Producer(client, id);
  };
  const start = async (settings: object = {}) => {
    listener = await startListener(log, { clock, ...settings });
  };
  const open = async (settings: object = {}) => {
    log = new MemoryLog();
    clock = new ManualClock();
    await log.topics.ensure('t', { partitions: 2, cleanup: 'delete' });
    await start(settings);
    return newProducer();
  };
  const restart = async () => {
    await listener.close();
    await start();
  };
  const offsetOf = async (client: WireClient, requireStable: boolean) => {
    const groups = [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }];
    const answer = (await client.ask(offsetFetch, 8, { groups, requireStable })).groups[0]!.topics[0]!.partitions[0]!;
    return answer.errorCode === NONE ? answer.committedOffset : answer.errorCode;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await listener.close();
  });

  test('invariant 3: records of several partitions and offsets appear together at the commit, and not at all after an abort', async () => {
    const producer = await open();
    expect(await producer.init()).toBe(NONE);
    for (const commit of [true, false, true]) {
      const before = [await valuesIn(log), await valuesIn(log, 1), await offsetOf(producer.client, false)];
      expect([await producer.add(0), await producer.add(1), await producer.addGroup()]).toEqual([NONE, NONE, NONE]);
      expect(await producer.send(`${commit} 0`)).toBe(NONE);
      expect(await producer.send(`${commit} 1`, 11, 1)).toBe(NONE);
      expect(await producer.commitOffset(BigInt(log.commits.length))).toBe(NONE);
      expect([await valuesIn(log), await valuesIn(log, 1), await offsetOf(producer.client, false)]).toEqual(before);
      expect(await offsetOf(producer.client, true)).toBe(KafkaError.UNSTABLE_OFFSET_COMMIT);
      const commits = log.commits.length;
      expect(await producer.end(commit)).toBe(NONE);
      expect(log.commits.length).toBe(commits + 1);
      expect(await offsetOf(producer.client, true)).toBe(await offsetOf(producer.client, false));
      if (!commit)
        expect([await valuesIn(log), await valuesIn(log, 1), await offsetOf(producer.client, true)]).toEqual(before);
    }
    expect(await valuesIn(log)).toEqual(['true 0', 'true 0']);
    expect(await valuesIn(log, 1)).toEqual(['true 1', 'true 1']);
  });

  test('the end is acknowledged when it is durable; until then its offsets are unstable', async () => {
    const producer = await open();
    await producer.init();
    await producer.add();
    await producer.addGroup();
    await producer.send('v');
    await producer.commitOffset(7n);
    log.hold();
    const ended = producer.end(true);
    const other = await newProducer('other');
    expect(await offsetOf(other.client, true)).toBe(KafkaError.UNSTABLE_OFFSET_COMMIT);
    expect(await valuesIn(log)).toEqual([]);
    expect(producer.client.received).toBe(0);
    log.release();
    expect(await ended).toBe(NONE);
    expect(await offsetOf(other.client, true)).toBe(7n);
    expect(await valuesIn(log)).toEqual(['v']);
  });

  test('two producers have transactions open in one partition, and do not wait for each other', async () => {
    const first = await open();
    const second = await newProducer('second');
    for (const producer of [first, second]) {
      await producer.init();
      await producer.add();
    }
    await first.send('first');
    await second.send('second');
    expect(await second.end(true)).toBe(NONE);
    expect(await valuesIn(log)).toEqual(['second']);
    expect(await first.end(true)).toBe(NONE);
    expect(await valuesIn(log)).toEqual(['second', 'first']);
  });

  test('clients learn that ends give epochs; then partitions and groups are added by the requests themselves', async () => {
    const producer = await open();
    const software = { clientSoftwareName: '', clientSoftwareVersion: '' };
    expect(await producer.client.ask(apiVersions, 4, software)).toMatchObject({
      finalizedFeatures: [{ name: 'transaction.version', maxVersionLevel: 2 }],
      finalizedFeaturesEpoch: 1n,
    });
    await producer.init();
    const { producerId, epoch } = producer;
    expect(await producer.send('a', 12)).toBe(NONE);
    expect(await producer.commitOffset(1n, 5)).toBe(NONE);
    expect(await producer.end(true, 5)).toBe(NONE);
    expect(producer).toMatchObject({ producerId, epoch: epoch + 1 });
    expect(await valuesIn(log)).toEqual(['a']);
    // The answer was lost: the request comes again, and changes nothing.
    const before = { producerId, producerEpoch: epoch };
    expect(await producer.end(true, 5, before)).toBe(NONE);
    expect(producer.epoch).toBe(epoch + 1);
    expect(await producer.end(false, 5, before)).toBe(INVALID_TXN_STATE);
    // And it cannot end the next transaction.
    expect(await producer.send('b', 12)).toBe(NONE);
    expect(await producer.end(true, 5, before)).toBe(PRODUCER_FENCED);
    expect(await producer.end(false, 5)).toBe(NONE);
    expect(await valuesIn(log)).toEqual(['a']);
    // Aborting what was never begun is a way to get an epoch; committing it is not.
    expect(await producer.end(true, 5)).toBe(INVALID_TXN_STATE);
    expect(await producer.end(false, 5)).toBe(NONE);
    expect(producer.epoch).toBe(epoch + 3);
  });

  test('older clients: what was not added is refused, and so is an end that does not fit', async () => {
    const producer = await open();
    await producer.init();
    expect(await producer.end(true)).toBe(INVALID_TXN_STATE);
    expect(await producer.end(false)).toBe(INVALID_TXN_STATE);
    expect([await producer.send('early', 11), await producer.send('early', 10)]).toEqual([
      TRANSACTION_ABORTABLE,
      INVALID_TXN_STATE,
    ]);
    expect(await producer.commitOffset(1n)).toBe(INVALID_TXN_STATE);
    await producer.add(0);
    expect(await producer.send('v', 11, 1, 0)).toBe(TRANSACTION_ABORTABLE);
    expect(await producer.commitOffset(1n)).toBe(INVALID_TXN_STATE);
    expect(await producer.send('v', 11, 0, 0)).toBe(NONE);
    expect(await producer.end(true)).toBe(NONE);
    expect(await producer.end(true)).toBe(NONE);
    expect(await producer.end(false)).toBe(INVALID_TXN_STATE);
    expect(await valuesIn(log)).toEqual(['v']);
  });

  test('repeats of a batch are staged once; sequences go on after an abort', async () => {
    const producer = await open();
    await producer.init();
    await producer.add();
    expect(await producer.send('dropped')).toBe(NONE);
    expect(await producer.end(false)).toBe(NONE);
    await producer.add();
    expect(await producer.send('a')).toBe(NONE);
    expect(await producer.send('a', 11, 0, producer.sequences[0]! - 1)).toBe(NONE);
    expect(await producer.send('gap', 11, 0, producer.sequences[0]! + 1)).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await producer.end(true)).toBe(NONE);
    // Over a restart too.
    await restart();
    const again = Object.assign(await newProducer(), producer.identity, {
      epoch: producer.epoch,
      sequences: producer.sequences,
    });
    await again.add();
    expect(await again.send('gap', 11, 0, again.sequences[0]! + 1)).toBe(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect(await again.send('b')).toBe(NONE);
    expect(await again.end(true)).toBe(NONE);
    expect(await valuesIn(log)).toEqual(['a', 'b']);
  });

  test('who starts with the same id aborts what was open and fences who was there, as each client knows it', async () => {
    const zombie = await open();
    await zombie.init();
    await zombie.add();
    await zombie.addGroup();
    await zombie.send('dropped');
    await zombie.commitOffset(5n);
    const next = await newProducer();
    expect(await next.init()).toBe(NONE);
    expect(next).toMatchObject({ producerId: zombie.producerId, epoch: zombie.epoch + 1 });
    expect([await zombie.add(0, 't', 3), await zombie.add(0, 't', 0)]).toEqual([
      PRODUCER_FENCED,
      INVALID_PRODUCER_EPOCH,
    ]);
    expect([await zombie.addGroup(3), await zombie.addGroup(1)]).toEqual([PRODUCER_FENCED, INVALID_PRODUCER_EPOCH]);
    expect([await zombie.end(true, 5), await zombie.end(true, 3), await zombie.end(true, 1)]).toEqual([
      PRODUCER_FENCED,
      PRODUCER_FENCED,
      INVALID_PRODUCER_EPOCH,
    ]);
    expect(await zombie.send('late')).toBe(INVALID_PRODUCER_EPOCH);
    expect(await zombie.commitOffset(6n)).toBe(INVALID_PRODUCER_EPOCH);
    const claim = { producerId: zombie.producerId, producerEpoch: zombie.epoch };
    expect([await zombie.init(claim, 4), await zombie.init(claim, 3)]).toEqual([
      PRODUCER_FENCED,
      INVALID_PRODUCER_EPOCH,
    ]);
    await next.add();
    await next.send('kept');
    expect(await next.end(true)).toBe(NONE);
    expect(await valuesIn(log)).toEqual(['kept']);
    expect(await offsetOf(next.client, true)).toBe(-1n);
    const own = { producerId: next.producerId, producerEpoch: next.epoch };
    expect(await next.init(own)).toBe(NONE);
    expect(next.epoch).toBe(own.producerEpoch + 1);
  });

  test('a transaction that takes too long is aborted, and its producer fenced', async () => {
    const producer = await open();
    await producer.init({ transactionTimeoutMs: 10_000 });
    await producer.add();
    await producer.send('dropped');
    await clock.advance(9_999);
    expect(await producer.send('in time')).toBe(NONE);
    await clock.advance(2);
    expect(await producer.send('late')).toBe(INVALID_PRODUCER_EPOCH);
    expect(await producer.end(true)).toBe(PRODUCER_FENCED);
    expect(await producer.end(true, 5)).toBe(PRODUCER_FENCED);
    expect(await producer.init()).toBe(NONE);
    // One that ended in time is not touched.
    await producer.add();
    await producer.send('kept');
    await producer.end(true);
    await clock.advance(100_000);
    await producer.add();
    await producer.send('kept too');
    expect(await producer.end(true)).toBe(NONE);
    expect(await valuesIn(log)).toEqual(['kept', 'kept too']);
  });

  test('a restart: an open transaction can only be aborted, an ended one stays ended', async () => {
    const producer = await open();
    const back = async () => {
      await restart();
      const again = await newProducer();
      return Object.assign(again, {
        producerId: producer.producerId,
        epoch: producer.epoch,
        sequences: producer.sequences,
      });
    };
    await producer.init();
    await producer.add();
    await producer.send('kept');
    await producer.end(true);
    const committed = await back();
    expect(await committed.end(true)).toBe(NONE);
    expect(await committed.end(false)).toBe(INVALID_TXN_STATE);
    await committed.add();
    await committed.addGroup();
    await committed.send('lost');
    await committed.commitOffset(9n);
    const opened = await back();
    expect(await opened.end(true, 3)).toBe(PRODUCER_FENCED);
    expect(await opened.end(true, 4)).toBe(TRANSACTION_ABORTABLE);
    expect([await opened.send('more', 11), await opened.send('more', 10)]).toEqual([
      TRANSACTION_ABORTABLE,
      INVALID_PRODUCER_EPOCH,
    ]);
    expect(await opened.add()).toBe(PRODUCER_FENCED);
    expect([await opened.addGroup(4), await opened.addGroup(3)]).toEqual([TRANSACTION_ABORTABLE, PRODUCER_FENCED]);
    expect([await opened.commitOffset(9n, 4), await opened.commitOffset(9n, 3)]).toEqual([
      TRANSACTION_ABORTABLE,
      INVALID_PRODUCER_EPOCH,
    ]);
    expect(await opened.end(false, 4)).toBe(NONE);
    expect(await opened.init()).toBe(NONE);
    await opened.add();
    await opened.send('kept too');
    expect(await opened.end(true)).toBe(NONE);
    expect(await valuesIn(log)).toEqual(['kept', 'kept too']);
    expect(await offsetOf(opened.client, true)).toBe(-1n);
  });

  test('used up epochs: another producer id', async () => {
    const producer = await open();
    await producer.init();
    const [name, value] = log.checkpoints.list('kafka/transaction/')[0]!;
    const transaction = log.begin('test', 0);
    transaction.checkpoint(name, JSON.stringify({ ...JSON.parse(value), epoch: 32_766 }));
    await transaction.commit();
    await restart();
    const { producerId } = producer;
    const again = Object.assign(await newProducer(), { producerId, epoch: 32_766 });
    expect(await again.send('v', 12)).toBe(NONE);
    expect(await again.end(true, 5)).toBe(NONE);
    expect(again.epoch).toBe(0);
    expect(again.producerId).toBeGreaterThan(producerId);
    expect(await again.send('w', 12)).toBe(NONE);
    expect(await again.end(true, 5)).toBe(NONE);
    expect(await valuesIn(log)).toEqual(['v', 'w']);
  });

  test('what is refused at the start, and for ids that are not known', async () => {
    const producer = await open();
    expect(await producer.init({ transactionTimeoutMs: 0 })).toBe(KafkaError.INVALID_TRANSACTION_TIMEOUT);
    expect(await producer.init({ transactionTimeoutMs: 900_001 })).toBe(KafkaError.INVALID_TRANSACTION_TIMEOUT);
    expect(await producer.init({ transactionalId: '' })).toBe(KafkaError.INVALID_REQUEST);
    expect([await producer.add(), await producer.addGroup(), await producer.end(true)]).toEqual(
      Array(3).fill(INVALID_PRODUCER_ID_MAPPING),
    );
    producer.producerId = 5n;
    producer.epoch = 0;
    expect(await producer.send('v')).toBe(INVALID_PRODUCER_ID_MAPPING);
    expect(await producer.commitOffset(1n)).toBe(INVALID_PRODUCER_ID_MAPPING);
    expect(await producer.init()).toBe(NONE);
    producer.producerId += 1n;
    expect(await producer.add()).toBe(INVALID_PRODUCER_ID_MAPPING);
  });

  test('a producer that claims an id which nobody knows gets another, and may start', async () => {
    const producer = await open();
    expect(await producer.init({ producerId: 5n, producerEpoch: 1 })).toBe(NONE);
    expect([producer.producerId === 5n, producer.epoch]).toEqual([false, 0]);
    expect([await producer.add(), await producer.send('v'), await producer.end(true)]).toEqual(Array(3).fill(NONE));
  });

  test('one bad partition keeps the others from being added', async () => {
    const producer = await open({ topics: { mayProduce: (topic: string) => topic === 't' } });
    await producer.init();
    const topics = [
      { name: 't', partitions: [0, 9] },
      { name: 'shop', partitions: [0] },
    ];
    const identity = { transactionalId: 'tx', ...producer.identity };
    const { results } = await producer.client.ask(addPartitionsToTxn, 3, { ...identity, topics });
    const codes = results.map(({ resultsByPartition }) => resultsByPartition.map((one) => one.partitionErrorCode));
    expect(codes).toEqual([
      [KafkaError.OPERATION_NOT_ATTEMPTED, KafkaError.UNKNOWN_TOPIC_OR_PARTITION],
      [KafkaError.TOPIC_AUTHORIZATION_FAILED],
    ]);
    expect(await producer.send('v')).toBe(TRANSACTION_ABORTABLE);
  });

  test('offsets are fenced by the group too', async () => {
    const producer = await open();
    await producer.init();
    await producer.addGroup();
    expect(await producer.commitOffset(1n, 3, { generationId: 4, memberId: 'm' })).toBe(KafkaError.ILLEGAL_GENERATION);
    expect(await producer.commitOffset(1n, 3, { groupId: 'tailrace.shop.search' })).toBe(
      KafkaError.GROUP_AUTHORIZATION_FAILED,
    );
    expect(await producer.commitOffset(1n)).toBe(NONE);
    expect(await producer.end(true)).toBe(NONE);
    expect(await offsetOf(producer.client, true)).toBe(1n);
  });

  test('what open transactions hold in memory is bounded: a producer tries again when others have ended', async () => {
    const first = await open({ limits: { transactionBytes: 150 } });
    const second = await newProducer('second');
    for (const producer of [first, second]) {
      await producer.init();
      await producer.add();
    }
    expect(await first.send('x'.repeat(50))).toBe(NONE);
    expect(await second.send('y'.repeat(50))).toBe(KafkaError.KAFKA_STORAGE_ERROR);
    await first.end(true);
    expect(await second.send('y'.repeat(50))).toBe(NONE);
  });
});

test('transactions on the real log: large ones are staged on disk, and a restart keeps what was committed', async () => {
  const broker = await TestBroker.start({ limits: { transactionBytes: 256 << 20 } });
  await broker.log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  const large = 'x'.repeat(900_000);
  let producer = new Producer(await WireClient.connect(broker.port));
  for (const commit of [true, false]) {
    await producer.init();
    for (let i = 0; i < 25; i++) expect(await producer.send(`${commit} ${i} ${large}`, 12)).toBe(NONE);
    expect(broker.log.topics.get('t')?.partitions[0]?.endOffset).toBe(commit ? 0n : 25n);
    expect(await producer.end(commit, 5)).toBe(NONE);
    expect(broker.log.topics.get('t')?.partitions[0]?.endOffset).toBe(25n);
  }
  producer.client.close();
  await broker.restart();
  producer = Object.assign(new Producer(await WireClient.connect(broker.port)), producer.identity, {
    epoch: producer.epoch,
  });
  expect(await producer.send('after', 12)).toBe(NONE);
  expect(await producer.end(true, 5)).toBe(NONE);
  const [batch] = await broker.log.read('t', 0, 25n, 1_000);
  expect([...batch!.records()].map(({ value }) => String(value))).toEqual(['after']);
  producer.client.close();
  await broker.close();
});
