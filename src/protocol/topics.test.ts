import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startListener } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { producedBatch } from '../../test/support/produced-batch.ts';
import { alterConfigs } from '../wire/messages/alter-configs.ts';
import { alterPartitionReassignments } from '../wire/messages/alter-partition-reassignments.ts';
import { apiVersions } from '../wire/messages/api-versions.ts';
import { createPartitions } from '../wire/messages/create-partitions.ts';
import { createTopics } from '../wire/messages/create-topics.ts';
import { deleteRecords } from '../wire/messages/delete-records.ts';
import { deleteTopics } from '../wire/messages/delete-topics.ts';
import { describeCluster } from '../wire/messages/describe-cluster.ts';
import { describeConfigs } from '../wire/messages/describe-configs.ts';
import { describeLogDirs } from '../wire/messages/describe-log-dirs.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { fetch } from '../wire/messages/fetch.ts';
import { incrementalAlterConfigs } from '../wire/messages/incremental-alter-configs.ts';
import { listPartitionReassignments } from '../wire/messages/list-partition-reassignments.ts';
import { metadata } from '../wire/messages/metadata.ts';
import { offsetCommit } from '../wire/messages/offset-commit.ts';
import { offsetForLeaderEpoch } from '../wire/messages/offset-for-leader-epoch.ts';
import { produce } from '../wire/messages/produce.ts';
import { NO_UUID } from '../wire/messages/schema.ts';
import type { KafkaListener } from './index.ts';

const TOPIC = 2;
const BROKER = 4;
const newTopic = (name: string, more: object = {}) => ({
  name,
  numPartitions: 2,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});

describe('topics', () => {
  let log: MemoryLog;
  let listener: KafkaListener;
  let client: WireClient;
  const open = async (options: { admin?: boolean; autoCreate?: boolean } = {}) => {
    log = new MemoryLog();
    const { admin = true, autoCreate = true } = options;
    listener = await startListener(log, {
      ...(admin ? { admin: log.admin } : {}),
      topics: { autoCreate, defaultPartitions: 3, mayProduce: (topic) => !topic.startsWith('shop.') },
    });
    client = await WireClient.connect(listener.port);
  };
  const create = async (topic: object, more: object = {}, version = 7) => {
    const request = { topics: [topic as ReturnType<typeof newTopic>], timeoutMs: 1_000, ...more };
    return (await client.ask(createTopics, version, request)).topics[0]!;
  };
  const produceTo = async (topic: string, ...values: string[]) => {
    for (const value of values) {
      const partitionData = [{ index: 0, records: [producedBatch([value])] }];
      await client.ask(produce, 9, { acks: 1, timeoutMs: 0, topicData: [{ name: topic, partitionData }] });
    }
  };
  beforeEach(() => open());
  afterEach(async () => {
    client.close();
    await listener.close();
  });

  const ask = async (names: readonly string[] | null, more: object = {}, version = 12) =>
    client.ask(metadata, version, {
      topics: names?.map((name) => ({ name, topicId: NO_UUID })) ?? null,
      allowAutoTopicCreation: false,
      includeTopicAuthorizedOperations: false,
      ...more,
    });

  test('metadata in every version: one node, which leads everything', async () => {
    await create(newTopic('a'));
    await log.topics.ensure('__tailrace_dead', { partitions: 1, cleanup: 'delete' });
    for (let version = 0; version <= metadata.lastVersion; version++) {
      const answer = await ask(version === 0 ? [] : null, {}, version);
      expect(answer.brokers).toMatchObject([{ nodeId: 1, host: '127.0.0.1', port: listener.port }]);
      expect(answer.topics.map(({ name }) => name)).toEqual(['__tailrace_dead', 'a']);
      if (version >= 1) expect(answer.topics.map(({ isInternal }) => isInternal)).toEqual([true, false]);
      if (version >= 2) expect(Buffer.from(answer.clusterId!, 'base64url')).toHaveLength(16);
      expect(answer.topics[1]!.partitions).toMatchObject([
        { partitionIndex: 0, leaderId: 1, replicaNodes: [1], isrNodes: [1], errorCode: 0 },
        { partitionIndex: 1, leaderId: 1 },
      ]);
      if (version >= 1) expect((await ask([], {}, version)).topics).toEqual([]);
    }
  });

  test('metadata by name and id; what is unknown or impossible', async () => {
    await create(newTopic('a'));
    const { topics } = await ask(['a', 'b', 'no/slash', '..']);
    expect(topics.map(({ errorCode }) => errorCode)).toEqual([
      0,
      KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
      KafkaError.INVALID_TOPIC_EXCEPTION,
      KafkaError.INVALID_TOPIC_EXCEPTION,
    ]);
    const { topicId } = topics[0]!;
    const byId = await ask(null, {
      topics: [
        { name: null, topicId },
        { name: null, topicId: 'f'.repeat(32) },
      ],
    });
    expect(byId.topics).toMatchObject([
      { name: 'a', topicId, errorCode: 0 },
      { name: null, topicId: 'f'.repeat(32), errorCode: KafkaError.UNKNOWN_TOPIC_ID },
    ]);
    const operations = await ask(['a'], { includeTopicAuthorizedOperations: true });
    expect(operations.topics[0]!.topicAuthorizedOperations).toBe(0xdf8);
    const cluster = await ask([], { includeClusterAuthorizedOperations: true }, 10);
    expect(cluster.clusterAuthorizedOperations).toBe(0x15a0);
  });

  test('asking creates a topic only where the client, the setting and the name allow it', async () => {
    const create = { allowAutoTopicCreation: true };
    expect((await ask(['made'], create)).topics[0]).toMatchObject({ errorCode: 0, name: 'made' });
    expect(log.topics.get('made')?.partitions).toHaveLength(3);
    expect((await ask(['old'], {}, 3)).topics[0]!.errorCode).toBe(0);
    for (const name of ['shop.public.products', '__tailrace_x']) {
      expect((await ask([name], create)).topics[0]!.errorCode).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    }
    const both = await Promise.all([ask(['twice'], create), WireClient.connect(listener.port)]);
    both[1].close();
    await listener.close();
    await open({ autoCreate: false });
    expect((await ask(['made'], create)).topics[0]!.errorCode).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test('creating', async () => {
    for (let version = 0; version <= createTopics.lastVersion; version++) {
      const created = await create(newTopic(`v${version}`), {}, version);
      expect(created).toMatchObject({ name: `v${version}`, errorCode: 0 });
      if (version >= 5) expect(created).toMatchObject({ numPartitions: 2, replicationFactor: 1 });
      if (version >= 7) expect(created.topicId).toBe(log.admin.topics.describe('v7')?.id);
    }
    const compacted = newTopic('c', { configs: [{ name: 'cleanup.policy', value: 'compact' }] });
    const { configs } = await create(compacted);
    expect(configs?.find(({ name }) => name === 'cleanup.policy')).toMatchObject({ value: 'compact', configSource: 1 });
    expect(configs?.find(({ name }) => name === 'retention.ms')).toMatchObject({ value: '604800000', configSource: 5 });
    expect(log.topics.get('c')?.settings.cleanup).toBe('compact');
    await create(newTopic('usual', { numPartitions: -1, replicationFactor: -1 }));
    expect(log.topics.get('usual')?.partitions).toHaveLength(3);
    const assignments = [1, 0].map((partitionIndex) => ({ partitionIndex, brokerIds: [1] }));
    await create(newTopic('assigned', { numPartitions: -1, replicationFactor: -1, assignments }));
    expect(log.topics.get('assigned')?.partitions).toHaveLength(2);
  });

  test.each<[string, object, number]>([
    ['a name that cannot be', { name: 'a b' }, KafkaError.INVALID_TOPIC_EXCEPTION],
    ['a name that is too long', { name: 'a'.repeat(250) }, KafkaError.INVALID_TOPIC_EXCEPTION],
    ['a name of Tailrace', { name: 'shop.public.orders' }, KafkaError.TOPIC_AUTHORIZATION_FAILED],
    ['an internal name', { name: '__tailrace_mine' }, KafkaError.TOPIC_AUTHORIZATION_FAILED],
    ['three replicas', { replicationFactor: 3 }, KafkaError.INVALID_REPLICATION_FACTOR],
    ['no replica', { replicationFactor: 0 }, KafkaError.INVALID_REPLICATION_FACTOR],
    ['no partitions', { numPartitions: 0 }, KafkaError.INVALID_PARTITIONS],
    ['far too many partitions', { numPartitions: 1_001 }, KafkaError.INVALID_PARTITIONS],
    [
      'a replica elsewhere',
      { assignments: [{ partitionIndex: 0, brokerIds: [2] }] },
      KafkaError.INVALID_REPLICA_ASSIGNMENT,
    ],
    ['a gap', { assignments: [{ partitionIndex: 1, brokerIds: [1] }] }, KafkaError.INVALID_REPLICA_ASSIGNMENT],
    ['an unknown setting', { configs: [{ name: 'no.such', value: '1' }] }, KafkaError.INVALID_CONFIG],
    ['a prototype', { configs: [{ name: '__proto__', value: '1' }] }, KafkaError.INVALID_CONFIG],
    ['a wrong value', { configs: [{ name: 'retention.ms', value: 'soon' }] }, KafkaError.INVALID_CONFIG],
    ['a value out of range', { configs: [{ name: 'retention.ms', value: '-2' }] }, KafkaError.INVALID_CONFIG],
    ['no value', { configs: [{ name: 'retention.ms', value: null }] }, KafkaError.INVALID_CONFIG],
    ['what is fixed', { configs: [{ name: 'min.insync.replicas', value: '2' }] }, KafkaError.INVALID_CONFIG],
  ])('creating: %s is refused', async (_name, more, errorCode) => {
    const refused = await create(newTopic('x', more));
    expect(refused.errorCode).toBe(errorCode);
    expect(refused.errorMessage).toBeTruthy();
    expect(log.topics.list()).toEqual([]);
  });

  test('creating: what exists, twice in a request, and as a trial', async () => {
    await create(newTopic('a'));
    expect((await create(newTopic('a'))).errorCode).toBe(KafkaError.TOPIC_ALREADY_EXISTS);
    const twice = await client.ask(createTopics, 7, { topics: [newTopic('b'), newTopic('b')], timeoutMs: 0 });
    expect(twice.topics.map(({ errorCode }) => errorCode)).toEqual([KafkaError.INVALID_REQUEST]);
    expect((await create(newTopic('c'), { validateOnly: true })).errorCode).toBe(0);
    expect(log.topics.list().map(({ name }) => name)).toEqual(['a']);
    const three = await create(newTopic('d', { replicationFactor: 3 }));
    expect(three.errorMessage).toContain('log: kafka');
  });

  test('a log that cannot configure topics: only what it does anyway, and no API that needs more', async () => {
    client.close();
    await listener.close();
    await open({ admin: false });
    const { apiKeys } = await client.ask(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    const keys = new Set(apiKeys.map(({ apiKey }) => apiKey));
    const needing = [deleteTopics, createPartitions, alterConfigs, incrementalAlterConfigs, deleteRecords];
    expect(needing.filter(({ key }) => keys.has(key))).toEqual([]);
    const set = (name: string, value: string) => create(newTopic(`t-${name}-${value}`, { configs: [{ name, value }] }));
    expect((await set('cleanup.policy', 'compact')).errorCode).toBe(0);
    expect((await set('retention.ms', '604800000')).errorCode).toBe(0);
    expect((await set('retention.ms', '1')).errorCode).toBe(KafkaError.INVALID_CONFIG);
    const resource = {
      resourceType: TOPIC,
      resourceName: 't-cleanup.policy-compact',
      configurationKeys: ['cleanup.policy'],
    };
    const { results } = await client.ask(describeConfigs, 4, { resources: [resource] });
    expect(results[0]!.configs).toMatchObject([{ name: 'cleanup.policy', value: 'compact', configSource: 1 }]);
  });

  test('sizes of partitions: all, or those that are asked for', async () => {
    await create(newTopic('sized', { numPartitions: 2 }));
    await client.ask(produce, 7, {
      transactionalId: null,
      acks: -1,
      timeoutMs: 1_000,
      topicData: [{ name: 'sized', partitionData: [{ index: 1, records: [producedBatch(['v'])] }] }],
    });
    for (let version = 0; version <= describeLogDirs.lastVersion; version++) {
      const { results } = await client.ask(describeLogDirs, version, { topics: null });
      const sized = results[0]!.topics.find(({ name }) => name === 'sized')!;
      expect(sized.partitions.map(({ partitionSize }) => partitionSize > 0n)).toEqual([false, true]);
    }
    const topics = [
      { topic: 'sized', partitions: [1, 2] },
      { topic: 'no', partitions: [0] },
    ];
    const { results } = await client.ask(describeLogDirs, 4, { topics });
    expect(results[0]!.topics).toMatchObject([{ name: 'sized', partitions: [{ partitionIndex: 1, offsetLag: 0n }] }]);
  });

  test('partitions stay where they are: moving them is refused, and never under way', async () => {
    await create(newTopic('stays'));
    const move = async (topic: string, replicas: number[] | null) => {
      const topics = [{ name: topic, partitions: [{ partitionIndex: 0, replicas }] }];
      const { responses } = await client.ask(alterPartitionReassignments, 0, { timeoutMs: 1_000, topics });
      return responses[0]!.partitions[0]!.errorCode;
    };
    expect([
      await move('stays', [1]),
      await move('stays', [2]),
      await move('stays', null),
      await move('no', [1]),
    ]).toEqual([
      KafkaError.NONE,
      KafkaError.INVALID_REPLICA_ASSIGNMENT,
      KafkaError.NO_REASSIGNMENT_IN_PROGRESS,
      KafkaError.UNKNOWN_TOPIC_OR_PARTITION,
    ]);
    const listed = await client.ask(listPartitionReassignments, 0, { timeoutMs: 1_000, topics: null });
    expect([listed.errorCode, listed.topics]).toEqual([KafkaError.NONE, []]);
  });

  test('configuration: described, changed key by key and as a whole', async () => {
    await create(newTopic('a'));
    const describeOne = async (resourceType: number, resourceName: string, version = 4) => {
      const resource = { resourceType, resourceName, configurationKeys: null };
      const options = { includeSynonyms: true, includeDocumentation: true };
      return (await client.ask(describeConfigs, version, { resources: [resource], ...options })).results[0]!;
    };
    const value = async (key: string) =>
      (await describeOne(TOPIC, 'a')).configs.find(({ name }) => name === key)?.value;
    for (let version = 0; version <= describeConfigs.lastVersion; version++) {
      const { configs, errorCode } = await describeOne(TOPIC, 'a', version);
      expect([errorCode, configs.length]).toEqual([0, 13]);
      const retention = configs.find(({ name }) => name === 'retention.ms')!;
      expect(retention).toMatchObject({ value: '604800000', readOnly: false });
      if (version === 0) expect(retention.isDefault).toBe(true);
      if (version >= 1) expect(retention.synonyms).toEqual([]);
      if (version >= 3) expect(retention).toMatchObject({ configType: 5, documentation: expect.any(String) });
    }
    const incremental = async (configs: object[], more: object = {}) => {
      const resource = { resourceType: TOPIC, resourceName: 'a', configs: configs as never[] };
      const request = { resources: [resource], validateOnly: false, ...more };
      return (await client.ask(incrementalAlterConfigs, 1, request)).responses[0]!.errorCode;
    };
    const set = (name: string, to: string | null) => ({ name, configOperation: 0, value: to });
    expect(await incremental([set('retention.ms', '5'), set('cleanup.policy', 'compact')])).toBe(0);
    expect(await incremental([set('segment.ms', '7')], { validateOnly: true })).toBe(0);
    expect([await value('retention.ms'), await value('segment.ms')]).toEqual(['5', '604800000']);
    expect(log.topics.get('a')?.settings.cleanup).toBe('compact');
    expect(await incremental([{ name: 'retention.ms', configOperation: 1, value: null }])).toBe(0);
    expect(await value('retention.ms')).toBe('604800000');
    const bad = KafkaError.INVALID_CONFIG;
    expect(await incremental([{ name: 'retention.ms', configOperation: 2, value: '1' }])).toBe(bad);
    const list = (configOperation: number, to: string) =>
      incremental([{ name: 'cleanup.policy', configOperation, value: to }]);
    expect([await list(2, 'delete'), await value('cleanup.policy')]).toEqual([0, 'compact,delete']);
    expect([await list(2, 'compact'), await value('cleanup.policy')]).toEqual([0, 'compact,delete']);
    expect(log.topics.get('a')?.settings.cleanup).toBe('compact');
    expect([await list(3, 'compact'), await value('cleanup.policy')]).toEqual([0, 'delete']);
    expect([await list(3, 'delete'), await list(2, 'erase'), await list(4, 'compact')]).toEqual([bad, bad, bad]);
    for (const to of ['compact, delete', 'delete,compact'])
      expect(await incremental([set('cleanup.policy', to)])).toBe(0);
    for (const to of ['', 'delete,', 'compact,compact', 'both']) {
      expect(await incremental([set('cleanup.policy', to)])).toBe(bad);
    }
    expect(await incremental([{ name: 'no.such', configOperation: 1, value: null }])).toBe(bad);
    expect(await incremental([set('retention.ms', null)])).toBe(KafkaError.INVALID_REQUEST);
    expect(await incremental([set('segment.ms', '1'), set('segment.ms', '2')])).toBe(KafkaError.INVALID_REQUEST);
    const whole = async (
      resourceType: number,
      resourceName: string,
      configs: { name: string; value: string | null }[],
    ) => {
      const request = { resources: [{ resourceType, resourceName, configs }], validateOnly: false };
      return (await client.ask(alterConfigs, 2, request)).responses[0]!.errorCode;
    };
    expect(await whole(TOPIC, 'a', [{ name: 'segment.ms', value: '9' }])).toBe(0);
    expect([await value('segment.ms'), await value('cleanup.policy')]).toEqual(['9', 'delete']);
    expect(await whole(TOPIC, 'a', [{ name: 'segment.ms', value: null }])).toBe(KafkaError.INVALID_REQUEST);
    expect(await whole(BROKER, '1', [])).toBe(KafkaError.INVALID_REQUEST);
    expect(await whole(TOPIC, 'none', [])).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    await log.topics.ensure('shop.t', { partitions: 1, cleanup: 'compact' });
    expect(await whole(TOPIC, 'shop.t', [])).toBe(KafkaError.TOPIC_AUTHORIZATION_FAILED);
    expect((await describeOne(TOPIC, 'none')).errorCode).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await describeOne(TOPIC, 'a/b')).errorCode).toBe(KafkaError.INVALID_TOPIC_EXCEPTION);
    expect((await describeOne(BROKER, '1')).configs).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'num.partitions', value: '3', readOnly: true })]),
    );
    expect((await describeOne(BROKER, '')).configs).toEqual([]);
    expect((await describeOne(BROKER, '2')).errorCode).toBe(KafkaError.INVALID_REQUEST);
    expect((await describeOne(8, 'x')).errorCode).toBe(KafkaError.INVALID_REQUEST);
  });

  test('the largest batch is that of the topic', async () => {
    await create(newTopic('small', { configs: [{ name: 'max.message.bytes', value: '100' }] }));
    const partitionData = [{ index: 0, records: [producedBatch(['x'.repeat(100)])] }];
    const topicData = [{ name: 'small', partitionData }];
    const { responses } = await client.ask(produce, 9, { acks: 1, timeoutMs: 0, topicData });
    expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(KafkaError.MESSAGE_TOO_LARGE);
  });

  test('deleting: by name and id, with offsets and producers; a new topic of the name is another one', async () => {
    const remove = async (version: number, topics: { name: string | null; topicId: string }[]) => {
      const names = topics.flatMap(({ name }) => name ?? []);
      const { responses } = await client.ask(deleteTopics, version, { topics, topicNames: names, timeoutMs: 0 });
      return responses.map(({ errorCode }) => errorCode);
    };
    for (let version = 0; version <= deleteTopics.lastVersion; version++) {
      await create(newTopic('a'));
      expect(await remove(version, [{ name: 'a', topicId: NO_UUID }])).toEqual([0]);
      expect(log.topics.get('a')).toBeUndefined();
    }
    const { topicId } = await create(newTopic('a'));
    const producing = producedBatch(['v'], { producerId: 1n, epoch: 0, sequence: 0 });
    const topicData = [{ name: 'a', partitionData: [{ index: 0, records: [producing] }] }];
    await client.ask(produce, 9, { acks: 1, timeoutMs: 0, topicData });
    const partitions = [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: '' }];
    const commitTo = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: 'a', partitions }] };
    await client.ask(offsetCommit, 8, commitTo);
    expect(log.checkpoints.list('')).toHaveLength(3);
    expect(await remove(6, [{ name: null, topicId }])).toEqual([0]);
    expect(log.checkpoints.list('').map(([name]) => name)).toEqual(['kafka/cluster-id']);
    expect(await remove(6, [{ name: null, topicId }])).toEqual([KafkaError.UNKNOWN_TOPIC_ID]);
    expect(await remove(5, [{ name: 'a', topicId }])).toEqual([KafkaError.UNKNOWN_TOPIC_OR_PARTITION]);
    const again = await create(newTopic('a'));
    expect(again.topicId).not.toBe(topicId);
    const old = { topic: 'a', topicId, partitions: [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 100 }] };
    const request = { maxWaitMs: 0, minBytes: 0, topics: [old], forgottenTopicsData: [] };
    const { responses } = await client.ask(fetch, 13, request);
    expect(responses[0]!.partitions[0]!.errorCode).toBe(KafkaError.UNKNOWN_TOPIC_ID);
    // By another way than the listener.
    await log.admin.topics.delete('a');
    const { id } = await log.admin.topics.create('a', { partitions: 1, config: {} });
    const byIds = { topics: [again.topicId, id].map((given) => ({ name: null, topicId: given })) };
    expect((await ask(null, byIds)).topics).toMatchObject([
      { errorCode: KafkaError.UNKNOWN_TOPIC_ID },
      { name: 'a', topicId: id, errorCode: 0 },
    ]);
    expect((await ask(['a'])).topics).toMatchObject([{ topicId: id }]);
    await log.topics.ensure('shop.t', { partitions: 1, cleanup: 'compact' });
    expect(await remove(6, [{ name: 'shop.t', topicId: NO_UUID }])).toEqual([KafkaError.TOPIC_AUTHORIZATION_FAILED]);
    expect(log.topics.get('shop.t')).toBeDefined();
  });

  test('adding partitions', async () => {
    await create(newTopic('a'));
    const add = async (topic: object, more: object = {}) => {
      const one = { name: 'a', count: 5, assignments: null, ...topic };
      const request = { topics: [one], timeoutMs: 0, validateOnly: false, ...more };
      return (await client.ask(createPartitions, 3, request)).results[0]!.errorCode;
    };
    expect(await add({}, { validateOnly: true })).toBe(0);
    expect(log.topics.get('a')?.partitions).toHaveLength(2);
    expect(await add({})).toBe(0);
    expect(log.topics.get('a')?.partitions).toHaveLength(5);
    expect(await add({ count: 5 })).toBe(KafkaError.INVALID_PARTITIONS);
    expect(await add({ count: 1_001 })).toBe(KafkaError.INVALID_PARTITIONS);
    expect(await add({ count: 6, assignments: [{ brokerIds: [1] }] })).toBe(0);
    expect(await add({ count: 7, assignments: [{ brokerIds: [2] }] })).toBe(KafkaError.INVALID_REPLICA_ASSIGNMENT);
    expect(await add({ count: 8, assignments: [{ brokerIds: [1] }] })).toBe(KafkaError.INVALID_REPLICA_ASSIGNMENT);
    expect(await add({ name: 'b' })).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
  });

  test('deleting records', async () => {
    await create(newTopic('a'));
    await produceTo('a', 'x', 'y', 'z');
    const before = async (offset: bigint, partitionIndex = 0, name = 'a') => {
      const topics = [{ name, partitions: [{ partitionIndex, offset }] }];
      const answer = (await client.ask(deleteRecords, 2, { topics, timeoutMs: 0 })).topics[0]!.partitions[0]!;
      return answer.errorCode === 0 ? answer.lowWatermark : answer.errorCode;
    };
    expect(await before(2n)).toBe(2n);
    expect(await before(1n)).toBe(2n);
    expect(await before(4n)).toBe(KafkaError.OFFSET_OUT_OF_RANGE);
    expect(await before(-2n)).toBe(KafkaError.OFFSET_OUT_OF_RANGE);
    expect(await before(-1n)).toBe(3n);
    expect(await before(0n, 9)).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await before(0n, 0, 'b')).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    await log.topics.ensure('shop.t', { partitions: 1, cleanup: 'compact' });
    expect(await before(0n, 0, 'shop.t')).toBe(KafkaError.TOPIC_AUTHORIZATION_FAILED);
  });

  test('leader epochs: clients that believe in another one are told', async () => {
    await create(newTopic('a'));
    await produceTo('a', 'x', 'y');
    const end = async (leaderEpoch: number, more: object = {}, replicaId = -1) => {
      const partitions = [{ partition: 0, leaderEpoch, ...more }];
      const { topics } = await client.ask(offsetForLeaderEpoch, 4, { replicaId, topics: [{ topic: 'a', partitions }] });
      const answer = topics[0]!.partitions[0]!;
      return answer.errorCode === 0 ? [answer.leaderEpoch, answer.endOffset] : answer.errorCode;
    };
    expect((await ask(['a'])).topics[0]!.partitions[0]!.leaderEpoch).toBe(0);
    expect(await end(0)).toEqual([0, 2n]);
    expect(await end(5)).toEqual([-1, -1n]);
    expect(await end(0, { currentLeaderEpoch: 1 })).toBe(KafkaError.UNKNOWN_LEADER_EPOCH);
    expect(await end(0, { partition: 7 })).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await end(0, {}, 2)).toBe(KafkaError.CLUSTER_AUTHORIZATION_FAILED);
    const partition = { partition: 0, fetchOffset: 0n, partitionMaxBytes: 100, currentLeaderEpoch: 3 };
    const topics = [{ topic: 'a', topicId: NO_UUID, partitions: [partition] }];
    const { responses } = await client.ask(fetch, 11, { maxWaitMs: 0, minBytes: 0, topics, forgottenTopicsData: [] });
    expect(responses[0]!.partitions[0]!.errorCode).toBe(KafkaError.UNKNOWN_LEADER_EPOCH);
  });

  test('the cluster', async () => {
    const cluster = await client.ask(describeCluster, 1, { includeClusterAuthorizedOperations: true });
    const { clusterId } = await ask([]);
    expect(cluster).toMatchObject({
      errorCode: 0,
      clusterId,
      controllerId: 1,
      brokers: [{ brokerId: 1, host: '127.0.0.1', port: listener.port }],
      clusterAuthorizedOperations: 0x15a0,
    });
    const controllers = { includeClusterAuthorizedOperations: false, endpointType: 2 };
    expect((await client.ask(describeCluster, 1, controllers)).errorCode).toBe(KafkaError.UNSUPPORTED_ENDPOINT_TYPE);
    await listener.close();
    listener = await startListener(log);
    client.close();
    client = await WireClient.connect(listener.port);
    expect((await ask([])).clusterId).toBe(clusterId);
  });
});
