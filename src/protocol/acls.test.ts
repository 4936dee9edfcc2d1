import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startListener } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { producedBatch } from '../../test/support/produced-batch.ts';
import { addOffsetsToTxn } from '../wire/messages/add-offsets-to-txn.ts';
import { addPartitionsToTxn } from '../wire/messages/add-partitions-to-txn.ts';
import { alterConfigs } from '../wire/messages/alter-configs.ts';
import { alterPartitionReassignments } from '../wire/messages/alter-partition-reassignments.ts';
import { apiVersions } from '../wire/messages/api-versions.ts';
import { createAcls } from '../wire/messages/create-acls.ts';
import { createPartitions } from '../wire/messages/create-partitions.ts';
import { createTopics } from '../wire/messages/create-topics.ts';
import { deleteAcls } from '../wire/messages/delete-acls.ts';
import { deleteGroups } from '../wire/messages/delete-groups.ts';
import { deleteRecords } from '../wire/messages/delete-records.ts';
import { deleteTopics } from '../wire/messages/delete-topics.ts';
import { describeAcls } from '../wire/messages/describe-acls.ts';
import { describeCluster } from '../wire/messages/describe-cluster.ts';
import { describeConfigs } from '../wire/messages/describe-configs.ts';
import { describeGroups } from '../wire/messages/describe-groups.ts';
import { describeLogDirs } from '../wire/messages/describe-log-dirs.ts';
import { endTxn } from '../wire/messages/end-txn.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { fetch } from '../wire/messages/fetch.ts';
import { findCoordinator } from '../wire/messages/find-coordinator.ts';
import { heartbeat } from '../wire/messages/heartbeat.ts';
import { incrementalAlterConfigs } from '../wire/messages/incremental-alter-configs.ts';
import { initProducerId } from '../wire/messages/init-producer-id.ts';
import { joinGroup } from '../wire/messages/join-group.ts';
import { leaveGroup } from '../wire/messages/leave-group.ts';
import { listGroups } from '../wire/messages/list-groups.ts';
import { listOffsets } from '../wire/messages/list-offsets.ts';
import { listPartitionReassignments } from '../wire/messages/list-partition-reassignments.ts';
import { metadata } from '../wire/messages/metadata.ts';
import { offsetCommit } from '../wire/messages/offset-commit.ts';
import { offsetDelete } from '../wire/messages/offset-delete.ts';
import { offsetFetch } from '../wire/messages/offset-fetch.ts';
import { offsetForLeaderEpoch } from '../wire/messages/offset-for-leader-epoch.ts';
import { produce } from '../wire/messages/produce.ts';
import { saslAuthenticate } from '../wire/messages/sasl-authenticate.ts';
import { saslHandshake } from '../wire/messages/sasl-handshake.ts';
import { NO_UUID } from '../wire/messages/schema.ts';
import { syncGroup } from '../wire/messages/sync-group.ts';
import { txnOffsetCommit } from '../wire/messages/txn-offset-commit.ts';
import type { KafkaListener } from './index.ts';
import { type AclBinding, Operation, PatternType, Permission, ResourceType } from './security/acls.ts';

const { TOPIC, GROUP, CLUSTER } = ResourceType;
const CLUSTER_NAME = 'kafka-cluster';

const rule = (principal: string, operation: number, resourceType: number, resourceName: string, more: object = {}) => ({
  resourceType,
  resourceName,
  patternType: PatternType.LITERAL,
  principal,
  host: '*',
  operation,
  permission: Permission.ALLOW,
  ...more,
});

describe('what a client may do', () => {
  let log: MemoryLog;
  let listener: KafkaListener;
  let root: WireClient;
  let nobody: WireClient;
  const clients: WireClient[] = [];
  const connect = async (user: string) => {
    const client = await WireClient.connect(listener.port);
    clients.push(client);
    await client.ask(saslHandshake, 1, { mechanism: 'PLAIN' });
    const { errorCode } = await client.ask(saslAuthenticate, 1, { authBytes: Buffer.from(`\0${user}\0x`) });
    expect(errorCode).toBe(0);
    return client;
  };
  const start = async () => {
    listener = await startListener(log, {
      admin: log.admin,
      security: {
        users: ['root', 'nobody'].map((name) => ({ name, password: 'x' })),
        acls: { superUsers: ['root'], rules: [rule('User:nobody', Operation.READ, TOPIC, 'fixed')] },
      },
    });
    [root, nobody] = [await connect('root'), await connect('nobody')];
  };
  beforeEach(async () => {
    log = new MemoryLog();
    await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
    await start();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await listener.close();
  });

  const TOPIC_FAILED = KafkaError.TOPIC_AUTHORIZATION_FAILED;
  const GROUP_FAILED = KafkaError.GROUP_AUTHORIZATION_FAILED;
  const CLUSTER_FAILED = KafkaError.CLUSTER_AUTHORIZATION_FAILED;
  const topicList = [{ name: 't', partitionIndexes: [0] }];
  const member = { groupId: 'g', memberId: 'm', generationId: 1 };
  const newTopic = { name: 'n', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };

  /** One request to every API that needs a right, and the error that refuses it. */
  const refusals: [string, (client: WireClient) => Promise<unknown>, unknown][] = [
    [
      'Produce',
      async (c) => {
        const partitionData = [{ index: 0, records: [producedBatch(['v'])] }];
        const request = { acks: 1, timeoutMs: 0, topicData: [{ name: 't', partitionData }] };
        return (await c.ask(produce, 9, request)).responses[0]!.partitionResponses[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
    [
      'Fetch',
      async (c) => {
        const partitions = [{ partition: 0, fetchOffset: 0n, partitionMaxBytes: 1 }];
        const topics = [{ topic: 't', topicId: NO_UUID, partitions }];
        const request = { maxWaitMs: 0, minBytes: 0, topics, forgottenTopicsData: [] };
        const partition = (await c.ask(fetch, 11, request)).responses[0]!.partitions[0]!;
        return partition.errorCode === 0 || partition.highWatermark === -1n ? partition.errorCode : 'told the end';
      },
      TOPIC_FAILED,
    ],
    [
      'ListOffsets',
      async (c) => {
        const topics = [{ name: 't', partitions: [{ partitionIndex: 0, timestamp: -1n }] }];
        const answer = await c.ask(listOffsets, 5, { replicaId: -1, isolationLevel: 0, topics });
        return answer.topics[0]!.partitions[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
    [
      'Metadata of one topic',
      async (c) => {
        const topics = [{ name: 't', topicId: NO_UUID }];
        return (await c.ask(metadata, 4, { topics, includeTopicAuthorizedOperations: false })).topics[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
    [
      'Metadata of all topics',
      async (c) =>
        (await c.ask(metadata, 4, { topics: null, includeTopicAuthorizedOperations: false })).topics.length === 0,
      true,
    ],
    [
      'FindCoordinator',
      async (c) => (await c.ask(findCoordinator, 4, { coordinatorKeys: ['g'] })).coordinators[0]!.errorCode,
      GROUP_FAILED,
    ],
    [
      'JoinGroup',
      async (c) => {
        const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }];
        const request = { groupId: 'g', memberId: '', sessionTimeoutMs: 6_000, protocolType: 'consumer', protocols };
        const { errorCode } = await c.ask(joinGroup, 5, request);
        return errorCode === KafkaError.MEMBER_ID_REQUIRED ? 0 : errorCode;
      },
      GROUP_FAILED,
    ],
    [
      'SyncGroup',
      async (c) => known((await c.ask(syncGroup, 3, { ...member, assignments: [] })).errorCode),
      GROUP_FAILED,
    ],
    ['Heartbeat', async (c) => known((await c.ask(heartbeat, 4, member)).errorCode), GROUP_FAILED],
    ['LeaveGroup', async (c) => (await c.ask(leaveGroup, 4, { groupId: 'g', members: [] })).errorCode, GROUP_FAILED],
    ['OffsetCommit', (c) => commit(c), GROUP_FAILED],
    [
      'OffsetFetch',
      async (c) =>
        (await c.ask(offsetFetch, 8, { groups: [{ groupId: 'g', topics: topicList }] })).groups[0]!.errorCode,
      GROUP_FAILED,
    ],
    [
      'OffsetDelete',
      async (c) => {
        const { errorCode } = await c.ask(offsetDelete, 0, { groupId: 'g', topics: [] });
        return errorCode === KafkaError.GROUP_ID_NOT_FOUND ? 0 : errorCode;
      },
      GROUP_FAILED,
    ],
    [
      'DescribeGroups',
      async (c) => {
        const request = { groups: ['g'], includeAuthorizedOperations: false };
        return (await c.ask(describeGroups, 5, request)).groups[0]!.errorCode;
      },
      GROUP_FAILED,
    ],
    [
      'DeleteGroups',
      async (c) => {
        const { errorCode } = (await c.ask(deleteGroups, 2, { groupsNames: ['g'] })).results[0]!;
        return errorCode === KafkaError.GROUP_ID_NOT_FOUND ? 0 : errorCode;
      },
      GROUP_FAILED,
    ],
    [
      'InitProducerId',
      async (c) => (await c.ask(initProducerId, 1, { transactionalId: null, transactionTimeoutMs: 0 })).errorCode,
      CLUSTER_FAILED,
    ],
    [
      'InitProducerId of a transaction',
      async (c) => (await c.ask(initProducerId, 1, { transactionalId: 'x', transactionTimeoutMs: 1 })).errorCode,
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
    [
      'FindCoordinator of a transaction',
      async (c) => (await c.ask(findCoordinator, 4, { keyType: 1, coordinatorKeys: ['x'] })).coordinators[0]!.errorCode,
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
    [
      'Produce in a transaction',
      async (c) => {
        const partitionData = [{ index: 0, records: [producedBatch(['v'])] }];
        const topicData = [{ name: 't', partitionData }];
        const request = { transactionalId: 'x', acks: 1, timeoutMs: 0, topicData };
        return transacted((await c.ask(produce, 9, request)).responses[0]!.partitionResponses[0]!.errorCode);
      },
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
    [
      'AddPartitionsToTxn',
      async (c) => {
        const topics = [{ name: 't', partitions: [0] }];
        const answer = await c.ask(addPartitionsToTxn, 3, { ...transaction, topics });
        return transacted(answer.results[0]!.resultsByPartition[0]!.partitionErrorCode);
      },
      TOPIC_FAILED,
    ],
    [
      'AddPartitionsToTxn without a topic',
      async (c) => {
        await grant(root, rule('User:nobody', Operation.WRITE, TOPIC, 'open'));
        await log.topics.ensure('open', { partitions: 1, cleanup: 'delete' });
        const topics = [{ name: 'open', partitions: [0] }];
        const answer = await c.ask(addPartitionsToTxn, 3, { ...transaction, topics });
        await root.ask(deleteAcls, 3, { filters: [everything] });
        return transacted(answer.results[0]!.resultsByPartition[0]!.partitionErrorCode);
      },
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
    [
      'AddOffsetsToTxn',
      async (c) => transacted((await c.ask(addOffsetsToTxn, 3, { ...transaction, groupId: 'g' })).errorCode),
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
    [
      'TxnOffsetCommit',
      async (c) => {
        const partitions = [{ partitionIndex: 0, committedOffset: 0n, committedMetadata: '' }];
        const topics = [{ name: 't', partitions }];
        const answer = await c.ask(txnOffsetCommit, 3, { ...transaction, groupId: 'g', topics });
        return transacted(answer.topics[0]!.partitions[0]!.errorCode);
      },
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
    [
      'EndTxn',
      async (c) => transacted((await c.ask(endTxn, 3, { ...transaction, committed: true })).errorCode),
      KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ],
    [
      'OffsetForLeaderEpoch',
      async (c) => {
        const topics = [{ topic: 't', partitions: [{ partition: 0, leaderEpoch: 0 }] }];
        return (await c.ask(offsetForLeaderEpoch, 4, { topics })).topics[0]!.partitions[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
    [
      'CreateTopics',
      async (c) => (await c.ask(createTopics, 7, { topics: [newTopic], timeoutMs: 0 })).topics[0]!.errorCode,
      TOPIC_FAILED,
    ],
    [
      'CreatePartitions',
      async (c) => {
        const request = { topics: [{ name: 't', count: 2, assignments: null }], timeoutMs: 0, validateOnly: false };
        return (await c.ask(createPartitions, 2, request)).results[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
    [
      'AlterPartitionReassignments',
      async (c) => (await c.ask(alterPartitionReassignments, 0, { timeoutMs: 0, topics: [] })).errorCode,
      KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    ],
    [
      'ListPartitionReassignments',
      async (c) => (await c.ask(listPartitionReassignments, 0, { timeoutMs: 0, topics: null })).errorCode,
      KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    ],
    ['DescribeLogDirs', async (c) => (await c.ask(describeLogDirs, 4, { topics: null })).errorCode, CLUSTER_FAILED],
    [
      'DeleteRecords',
      async (c) => {
        const topics = [{ name: 't', partitions: [{ partitionIndex: 0, offset: 0n }] }];
        return (await c.ask(deleteRecords, 2, { topics, timeoutMs: 0 })).topics[0]!.partitions[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
    [
      'DescribeConfigs of a topic',
      async (c) => (await c.ask(describeConfigs, 4, { resources: [configs(2, 't')] })).results[0]!.errorCode,
      TOPIC_FAILED,
    ],
    [
      'DescribeConfigs of the broker',
      async (c) => (await c.ask(describeConfigs, 4, { resources: [configs(4, '1')] })).results[0]!.errorCode,
      CLUSTER_FAILED,
    ],
    [
      'AlterConfigs',
      async (c) => {
        const resources = [{ resourceType: 2, resourceName: 't', configs: [] }];
        return (await c.ask(alterConfigs, 2, { resources, validateOnly: false })).responses[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
    [
      'IncrementalAlterConfigs',
      async (c) => {
        const resources = [{ resourceType: 2, resourceName: 't', configs: [] }];
        return (await c.ask(incrementalAlterConfigs, 1, { resources, validateOnly: false })).responses[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
    ['DescribeAcls', async (c) => (await c.ask(describeAcls, 2, everything)).errorCode, CLUSTER_FAILED],
    ['CreateAcls', (c) => grant(c, rule('User:nobody', Operation.ALL, TOPIC, '*')), CLUSTER_FAILED],
    [
      'DeleteAcls',
      async (c) => (await c.ask(deleteAcls, 2, { filters: [everything] })).filterResults[0]!.errorCode,
      CLUSTER_FAILED,
    ],
    [
      'DeleteTopics',
      async (c) => {
        const topics = [{ name: 't', topicId: NO_UUID }];
        return (await c.ask(deleteTopics, 6, { topics, timeoutMs: 0 })).responses[0]!.errorCode;
      },
      TOPIC_FAILED,
    ],
  ];

  test('a client without rights is refused by every API that needs one; one with all rights by none', async () => {
    for (const [name, ask, refused] of refusals) expect([name, await ask(nobody)]).toEqual([name, refused]);
    const empty = await nobody.ask(listGroups, 4, { statesFilter: [], typesFilter: [] });
    expect(empty.groups).toEqual([]);
    const cluster = await nobody.ask(describeCluster, 1, { includeClusterAuthorizedOperations: true });
    expect(cluster.clusterAuthorizedOperations).toBe(0);
    for (const [name, ask, refused] of refusals) {
      expect([name, await ask(root)]).toEqual([name, refused === true ? false : 0]);
    }
  });

  test('the table names every API that is offered, but those that need no right', async () => {
    const { apiKeys } = await nobody.ask(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    const free = [apiVersions, saslHandshake, saslAuthenticate, describeCluster, listGroups].length;
    const named = new Set(refusals.map(([name]) => name.split(' ')[0]));
    expect(named.size + free).toBe(apiKeys.length);
  });

  test('rights are given and taken while clients are connected, and are there after a restart', async () => {
    await grant(root, rule('User:nobody', Operation.READ, GROUP, 'g'));
    expect(await commit(nobody)).toBe(TOPIC_FAILED);
    await grant(root, rule('User:nobody', Operation.READ, TOPIC, 't'));
    expect(await commit(nobody)).toBe(0);
    expect(await commit(nobody, 'fixed')).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    await listener.close();
    await start();
    expect(await commit(nobody)).toBe(0);
    await grant(root, rule('User:nobody', Operation.READ, TOPIC, 't', { permission: Permission.DENY }));
    expect(await commit(nobody)).toBe(TOPIC_FAILED);
    const denied = { ...everything, permissionType: Permission.DENY };
    const removed = await root.ask(deleteAcls, 3, { filters: [denied] });
    expect(removed.filterResults[0]!.matchingAcls).toMatchObject([{ resourceName: 't', operation: Operation.READ }]);
    expect(await commit(nobody)).toBe(0);
    const described = await root.ask(describeAcls, 3, everything);
    expect(described.resources.map(({ resourceName }) => resourceName).sort()).toEqual(['fixed', 'g', 't']);
    // Rules of the configuration are shown, and stay.
    const all = await root.ask(deleteAcls, 3, { filters: [everything] });
    expect(all.filterResults[0]!.matchingAcls).toHaveLength(2);
    expect((await root.ask(describeAcls, 1, everything)).resources).toHaveLength(1);
  });

  test('filters: by pattern as it is, and by what it covers', async () => {
    await grant(root, rule('User:a', Operation.READ, TOPIC, 'log', { patternType: PatternType.PREFIXED }));
    await grant(root, rule('User:b', Operation.READ, TOPIC, 'logs'));
    await grant(root, rule('User:c', Operation.READ, TOPIC, '*'));
    const found = async (more: object, version = 3) => {
      const { resources } = await root.ask(describeAcls, version, { ...everything, ...more });
      return resources.flatMap(({ acls }) => acls.map(({ principal }) => principal)).sort();
    };
    const { MATCH, LITERAL, PREFIXED } = PatternType;
    expect(await found({ resourceNameFilter: 'logs', patternTypeFilter: MATCH })).toEqual([
      'User:a',
      'User:b',
      'User:c',
    ]);
    expect(await found({ resourceNameFilter: 'logs', patternTypeFilter: LITERAL })).toEqual(['User:b']);
    expect(await found({ resourceNameFilter: 'log', patternTypeFilter: PREFIXED })).toEqual(['User:a']);
    expect(await found({ principalFilter: 'User:c' })).toEqual(['User:c']);
    expect(await found({ principalFilter: 'User:a' }, 0)).toEqual([]);
    expect(await found({ resourceTypeFilter: GROUP })).toEqual([]);
    const odd = await root.ask(describeAcls, 3, { ...everything, operation: 99 });
    expect(odd.errorCode).toBe(KafkaError.INVALID_REQUEST);
  });

  test.each([
    ['any operation', { operation: Operation.ANY }],
    ['an unknown operation', { operation: 99 }],
    ['any resource', { resourceType: ResourceType.ANY }],
    ['a pattern that is a question', { patternType: PatternType.MATCH }],
    ['any permission', { permission: Permission.ANY }],
    ['no name', { resourceName: '' }],
    ['another cluster', { resourceType: CLUSTER, resourceName: 'x' }],
    ['a principal that is no user', { principal: 'Group:x' }],
    ['a principal without name', { principal: 'User:' }],
  ])('a rule with %s is refused', async (_name, more) => {
    expect(await grant(root, rule('User:a', Operation.READ, TOPIC, 't', more))).toBe(KafkaError.INVALID_REQUEST);
    expect(await grant(root, rule('User:a', Operation.CREATE, CLUSTER, CLUSTER_NAME))).toBe(0);
  });
});

/** What a client that is let in is told about a member or group that is not there. */
function known(errorCode: number): number {
  return errorCode === KafkaError.UNKNOWN_MEMBER_ID || errorCode === KafkaError.ILLEGAL_GENERATION ? 0 : errorCode;
}

const transaction = { transactionalId: 'x', producerId: 99n, producerEpoch: 0 };

/** What a client that is let in is told about a transaction that is not there. */
function transacted(errorCode: number): number {
  const told = [KafkaError.INVALID_PRODUCER_ID_MAPPING, KafkaError.INVALID_TXN_STATE] as number[];
  return told.includes(errorCode) ? 0 : errorCode;
}

async function commit(client: WireClient, topic = 't') {
  const partitions = [{ partitionIndex: 0, committedOffset: 0n, committedMetadata: '' }];
  const request = { groupId: 'g', memberId: '', topics: [{ name: topic, partitions }] };
  return (await client.ask(offsetCommit, 8, request)).topics[0]!.partitions[0]!.errorCode;
}

async function grant(client: WireClient, { patternType, permission, ...rest }: AclBinding) {
  const creation = { ...rest, resourcePatternType: patternType, permissionType: permission };
  return (await client.ask(createAcls, 2, { creations: [creation] })).results[0]!.errorCode;
}

const configs = (resourceType: number, resourceName: string) => {
  return { resourceType, resourceName, configurationKeys: null };
};

const everything = {
  resourceTypeFilter: ResourceType.ANY,
  resourceNameFilter: null,
  patternTypeFilter: PatternType.ANY,
  principalFilter: null,
  hostFilter: null,
  operation: Operation.ANY,
  permissionType: Permission.ANY,
};
