import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startListener, TestBroker } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { deleteGroups } from '../wire/messages/delete-groups.ts';
import { describeGroups } from '../wire/messages/describe-groups.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { findCoordinator } from '../wire/messages/find-coordinator.ts';
import { heartbeat } from '../wire/messages/heartbeat.ts';
import { joinGroup } from '../wire/messages/join-group.ts';
import { leaveGroup } from '../wire/messages/leave-group.ts';
import { listGroups } from '../wire/messages/list-groups.ts';
import { offsetCommit } from '../wire/messages/offset-commit.ts';
import { offsetDelete } from '../wire/messages/offset-delete.ts';
import { offsetFetch } from '../wire/messages/offset-fetch.ts';
import { syncGroup } from '../wire/messages/sync-group.ts';

/** `version int16 · topics`: what consumers of every client send. */
const subscription = (topic: string) =>
  Buffer.concat([Buffer.from([0, 1, 0, 0, 0, 1, 0, topic.length]), Buffer.from(topic)]);

const joinRequest = (groupId: string, memberId = '', more: object = {}) => ({
  groupId,
  memberId,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 10_000,
  protocolType: 'consumer',
  protocols: [{ name: 'range', metadata: subscription('t') }],
  ...more,
});

const commitRequest = (groupId: string, offset: bigint, more: object = {}) => ({
  groupId,
  generationIdOrMemberEpoch: -1,
  memberId: '',
  topics: [
    {
      name: 't',
      partitions: [{ partitionIndex: 0, committedOffset: offset, committedLeaderEpoch: 3, committedMetadata: 'note' }],
    },
  ],
  ...more,
});

async function commit(client: WireClient, groupId: string, offset: bigint, more: object = {}, version = 8) {
  const { topics } = await client.ask(offsetCommit, version, commitRequest(groupId, offset, more));
  return topics[0]!.partitions[0]!.errorCode;
}

async function committed(client: WireClient, groupId: string) {
  const topics = [{ name: 't', partitionIndexes: [0] }];
  const { groups } = await client.ask(offsetFetch, 8, { groups: [{ groupId, topics }] });
  return groups[0]!.topics[0]!.partitions[0]!;
}

/** Joins alone, with version 5, and is stable. */
async function joinAlone(client: WireClient, groupId: string) {
  const { memberId } = await client.ask(joinGroup, 5, joinRequest(groupId));
  const joined = await client.ask(joinGroup, 5, joinRequest(groupId, memberId));
  expect(joined.errorCode).toBe(KafkaError.NONE);
  const assignments = [{ memberId, assignment: Buffer.from('mine') }];
  const member = { groupId, memberId, generationId: joined.generationId };
  expect((await client.ask(syncGroup, 3, { ...member, assignments })).assignment.toString()).toBe('mine');
  return member;
}

describe('consumer groups over the wire', () => {
  let broker: TestBroker;
  let client: WireClient;
  beforeAll(async () => {
    broker = await TestBroker.start();
    client = await WireClient.connect(broker.port);
    await broker.log.topics.ensure('t', { partitions: 2, cleanup: 'delete' });
  });
  afterAll(async () => {
    client.close();
    await broker.close();
  });

  test('a member that gives no rebalance timeout has its session timeout to come back', async () => {
    const join = joinRequest('no-timeout', '', { rebalanceTimeoutMs: 0 });
    const { memberId, generationId } = await client.ask(joinGroup, 3, join);
    const sync = { groupId: 'no-timeout', memberId, generationId, assignments: [] };
    expect((await client.ask(syncGroup, 3, sync)).errorCode).toBe(KafkaError.NONE);
  });

  test('this node coordinates every group and transaction, and nothing else', async () => {
    const here = { nodeId: 1, host: '127.0.0.1', port: broker.port, errorCode: 0 };
    expect(await client.ask(findCoordinator, 2, { key: 'g', coordinatorKeys: [] })).toMatchObject(here);
    const { coordinators } = await client.ask(findCoordinator, 4, { coordinatorKeys: ['g', 'h'] });
    expect(coordinators).toMatchObject([
      { key: 'g', ...here },
      { key: 'h', ...here },
    ]);
    const share = await client.ask(findCoordinator, 6, { keyType: 2, coordinatorKeys: ['g'] });
    expect(share.coordinators[0]!.errorCode).toBe(KafkaError.INVALID_REQUEST);
    expect(await client.ask(findCoordinator, 1, { key: 'x', keyType: 1, coordinatorKeys: [] })).toMatchObject(here);
  });

  test('join, sync, heartbeat, leave in every version', async () => {
    for (let version = 0; version <= joinGroup.lastVersion; version++) {
      const groupId = `join-${version}`;
      let joined = await client.ask(joinGroup, version, joinRequest(groupId));
      expect(joined.errorCode).toBe(version >= 4 ? KafkaError.MEMBER_ID_REQUIRED : KafkaError.NONE);
      if (version >= 4) joined = await client.ask(joinGroup, version, joinRequest(groupId, joined.memberId));
      expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: joined.memberId, protocolName: 'range' });
      expect(joined.members.map(({ metadata }) => metadata)).toEqual([subscription('t')]);
      const member = { groupId, memberId: joined.memberId, generationId: 1 };
      const assignments = [{ memberId: joined.memberId, assignment: Buffer.from('a') }];
      const synced = await client.ask(syncGroup, Math.min(version, 5), { ...member, assignments });
      expect(synced).toMatchObject({ errorCode: 0, assignment: Buffer.from('a') });
      if (version >= 5) expect(synced.protocolName).toBe('range');
      expect(await client.ask(heartbeat, Math.min(version, 4), member)).toMatchObject({ errorCode: 0 });
      expect(await client.ask(heartbeat, 4, { ...member, generationId: 9 })).toMatchObject({
        errorCode: KafkaError.ILLEGAL_GENERATION,
      });
      const leave = Math.min(version, 5);
      const left = await client.ask(leaveGroup, leave, { groupId, memberId: joined.memberId, members: [joined] });
      expect(left.errorCode).toBe(0);
      if (leave >= 3) expect(left.members).toMatchObject([{ memberId: joined.memberId, errorCode: 0 }]);
      expect(await client.ask(heartbeat, 4, member)).toMatchObject({ errorCode: KafkaError.UNKNOWN_MEMBER_ID });
    }
  });

  test('joining: what is refused', async () => {
    const refusal = async (groupId: string, more: object) =>
      (await client.ask(joinGroup, 5, joinRequest(groupId, '', more))).errorCode;
    expect(await refusal('', {})).toBe(KafkaError.INVALID_GROUP_ID);
    expect(await refusal('r', { sessionTimeoutMs: 5_999 })).toBe(KafkaError.INVALID_SESSION_TIMEOUT);
    expect(await refusal('r', { sessionTimeoutMs: 1_800_001 })).toBe(KafkaError.INVALID_SESSION_TIMEOUT);
    expect(await refusal('r', { protocols: [] })).toBe(KafkaError.INCONSISTENT_GROUP_PROTOCOL);
    expect(await refusal('r', { protocolType: '' })).toBe(KafkaError.INCONSISTENT_GROUP_PROTOCOL);
    expect(await refusal('r', { memberId: 'who' })).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(await refusal('tailrace.shop.search', {})).toBe(KafkaError.GROUP_AUTHORIZATION_FAILED);
  });

  test('two members on two connections share; one whose connection breaks is replaced when its session ends', async () => {
    const first = await joinAlone(client, 'pair');
    const other = await WireClient.connect(broker.port);
    const { memberId } = await other.ask(joinGroup, 5, joinRequest('pair'));
    other.send(joinGroup, 5, joinRequest('pair', memberId));
    let errorCode: number = KafkaError.NONE;
    while (errorCode === KafkaError.NONE) ({ errorCode } = await client.ask(heartbeat, 3, first));
    expect(errorCode).toBe(KafkaError.REBALANCE_IN_PROGRESS);
    const again = await client.ask(joinGroup, 5, joinRequest('pair', first.memberId));
    expect(again.members).toHaveLength(2);
    expect(await other.answer(joinGroup, 5)).toMatchObject({ errorCode: 0, generationId: 2, leader: first.memberId });
    other.send(syncGroup, 3, { groupId: 'pair', memberId, generationId: 2, assignments: [] });
    const assignments = [
      { memberId, assignment: Buffer.from('theirs') },
      { memberId: first.memberId, assignment: Buffer.from('mine') },
    ];
    const synced = await client.ask(syncGroup, 3, { ...first, generationId: 2, assignments });
    expect(synced.assignment.toString()).toBe('mine');
    expect((await other.answer(syncGroup, 3)).assignment.toString()).toBe('theirs');
    const { groups } = await client.ask(describeGroups, 5, { groups: ['pair'], includeAuthorizedOperations: true });
    expect(groups[0]).toMatchObject({ groupState: 'Stable', protocolData: 'range', authorizedOperations: 0x148 });
    expect(groups[0]!.members.map(({ clientId, clientHost }) => [clientId, clientHost])).toEqual(
      Array(2).fill(['wire', '/127.0.0.1']),
    );
    other.close();
  });

  test('offsets: committed in every version, durable, with what the client adds', async () => {
    for (let version = 0; version <= offsetCommit.lastVersion; version++) {
      expect(await commit(client, 'plain', BigInt(version), {}, version)).toBe(KafkaError.NONE);
    }
    const expected = { committedOffset: 9n, committedLeaderEpoch: 3, metadata: 'note', errorCode: 0 };
    client.close();
    await broker.restart();
    client = await WireClient.connect(broker.port);
    for (let version = 0; version <= offsetFetch.lastVersion; version++) {
      const topics = [{ name: 't', partitionIndexes: [0, 1] }];
      const request = { groupId: 'plain', topics, groups: [{ groupId: 'plain', topics }] };
      const answer = await client.ask(offsetFetch, version, request);
      const partitions = (version < 8 ? answer : answer.groups[0]!).topics[0]!.partitions;
      const { committedLeaderEpoch, ...rest } = expected;
      expect(partitions[0], `version ${version}`).toMatchObject(version < 5 ? rest : expected);
      expect(partitions[1]).toMatchObject({ committedOffset: -1n, metadata: '', errorCode: 0 });
    }
    const all = await client.ask(offsetFetch, 5, { groupId: 'plain', topics: null, groups: [] });
    expect(all.topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 9n }] }]);
    expect(broker.log.checkpoints.list('group/plain/')).toHaveLength(1);
  });

  test('a group whose name holds slashes is itself, and not another', async () => {
    await commit(client, 'a/t/0', 5n);
    await commit(client, 'a', 7n);
    expect(await committed(client, 'a/t/0')).toMatchObject({ committedOffset: 5n });
    const all = await client.ask(offsetFetch, 5, { groupId: 'a', topics: null, groups: [] });
    expect(all.topics).toMatchObject([{ name: 't', partitions: [{ committedOffset: 7n }] }]);
  });

  test('commits: what is refused', async () => {
    const member = await joinAlone(client, 'fence');
    const as = (memberId: string, generation: number) => ({ memberId, generationIdOrMemberEpoch: generation });
    expect(await commit(client, 'fence', 1n, as(member.memberId, 1))).toBe(KafkaError.NONE);
    expect(await commit(client, 'fence', 2n, as(member.memberId, 0))).toBe(KafkaError.ILLEGAL_GENERATION);
    expect(await commit(client, 'fence', 2n, as('zombie', 1))).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(await commit(client, 'fence', 2n)).toBe(KafkaError.UNKNOWN_MEMBER_ID);
    expect(await commit(client, 'gone', 2n, as('zombie', 1))).toBe(KafkaError.ILLEGAL_GENERATION);
    expect(await committed(client, 'fence')).toMatchObject({ committedOffset: 1n });
    const one = (partition: object, name = 't') => ({
      topics: [
        { name, partitions: [{ partitionIndex: 0, committedOffset: 1n, committedMetadata: null, ...partition }] },
      ],
    });
    expect(await commit(client, 'plain', 1n, one({ committedMetadata: 'x'.repeat(4_097) }))).toBe(
      KafkaError.OFFSET_METADATA_TOO_LARGE,
    );
    expect(await commit(client, 'plain', 1n, one({ partitionIndex: 5 }))).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await commit(client, 'plain', 1n, one({}, 'nowhere'))).toBe(KafkaError.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await commit(client, 'plain', 1n, one({ committedOffset: -1n }))).toBe(KafkaError.NONE);
    expect(await committed(client, 'plain')).toMatchObject({ committedOffset: -1n });
  });

  test('sinks show as groups, and nobody outside moves them', async () => {
    const transaction = broker.log.begin('tailrace.shop.search', await broker.log.fence('tailrace.shop.search'));
    transaction.checkpoint('group/tailrace.shop.search/t/0', '41');
    await transaction.commit();
    expect(await committed(client, 'tailrace.shop.search')).toMatchObject({ committedOffset: 41n, metadata: '' });
    const refused = KafkaError.GROUP_AUTHORIZATION_FAILED;
    expect(await commit(client, 'tailrace.shop.search', 1n)).toBe(refused);
    const deleted = await client.ask(deleteGroups, 2, { groupsNames: ['tailrace.shop.search'] });
    expect(deleted.results[0]!.errorCode).toBe(refused);
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0 }] }];
    const removed = await client.ask(offsetDelete, 0, { groupId: 'tailrace.shop.search', topics });
    expect(removed.errorCode).toBe(refused);
    const left = await client.ask(leaveGroup, 5, { groupId: 'tailrace.shop.search', members: [] });
    expect(left.errorCode).toBe(refused);
    expect(broker.log.checkpoints.get('group/tailrace.shop.search/t/0')).toBe('41');
    const { groups } = await client.ask(describeGroups, 5, {
      groups: ['tailrace.shop.search', 'nobody'],
      includeAuthorizedOperations: true,
    });
    expect(groups).toMatchObject([
      { groupState: 'Empty', members: [], authorizedOperations: 0x100 },
      { groupState: 'Dead', members: [] },
    ]);
  });

  test('groups are listed, and by state and type', async () => {
    await joinAlone(client, 'listed');
    await commit(client, 'with offsets', 1n);
    const listed = async (statesFilter: string[], typesFilter: string[] = []) =>
      (await client.ask(listGroups, 5, { statesFilter, typesFilter })).groups.map(({ groupId }) => groupId);
    expect(await listed([])).toEqual(expect.arrayContaining(['listed', 'with offsets']));
    expect(await listed(['stable'])).not.toContain('with offsets');
    expect(await listed(['Stable'])).toContain('listed');
    expect(await listed(['Empty'])).toContain('with offsets');
    expect(await listed([], ['Consumer'])).toEqual([]);
    expect(await listed([], ['Classic'])).toContain('listed');
  });

  test('deleting groups and offsets', async () => {
    const member = await joinAlone(client, 'busy');
    await commit(client, 'busy', 5n, { memberId: member.memberId, generationIdOrMemberEpoch: 1 });
    await commit(client, 'idle', 5n);
    const remove = async (name: string) =>
      (await client.ask(deleteGroups, 1, { groupsNames: [name] })).results[0]!.errorCode;
    expect(await remove('busy')).toBe(KafkaError.NON_EMPTY_GROUP);
    expect(await remove('nobody')).toBe(KafkaError.GROUP_ID_NOT_FOUND);
    const topics = (name: string) => [{ name, partitions: [{ partitionIndex: 0 }] }];
    const read = await client.ask(offsetDelete, 0, { groupId: 'busy', topics: topics('t') });
    expect(read.topics[0]!.partitions[0]!.errorCode).toBe(KafkaError.GROUP_SUBSCRIBED_TO_TOPIC);
    expect(await committed(client, 'busy')).toMatchObject({ committedOffset: 5n });
    await client.ask(leaveGroup, 1, { groupId: 'busy', memberId: member.memberId, members: [] });
    const gone = await client.ask(offsetDelete, 0, { groupId: 'busy', topics: topics('t') });
    expect(gone).toMatchObject({ errorCode: 0, topics: [{ partitions: [{ errorCode: 0 }] }] });
    expect(await committed(client, 'busy')).toMatchObject({ committedOffset: -1n });
    expect(await remove('busy')).toBe(KafkaError.NONE);
    expect(await remove('idle')).toBe(KafkaError.NONE);
    expect(await committed(client, 'idle')).toMatchObject({ committedOffset: -1n });
    expect(await client.ask(offsetDelete, 0, { groupId: 'nobody', topics: [] })).toMatchObject({
      errorCode: KafkaError.GROUP_ID_NOT_FOUND,
    });
  });
});

describe('offsets before they are durable', () => {
  let close = async () => {};
  afterEach(() => close());

  test('a commit is acknowledged when it is durable; who reads meanwhile waits for it', async () => {
    const log = new MemoryLog();
    await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
    const listener = await startListener(log);
    const clients = await Promise.all([1, 2, 3].map(() => WireClient.connect(listener.port)));
    const [writer, reader, other] = clients as [WireClient, WireClient, WireClient];
    close = async () => {
      for (const client of clients) client.close();
      await listener.close();
    };
    await commit(writer, 'g', 1n);
    log.hold();
    writer.send(offsetCommit, 8, commitRequest('g', 2n));
    await other.ask(findCoordinator, 4, { coordinatorKeys: [] });
    const topics = [{ name: 't', partitionIndexes: [0] }];
    reader.send(offsetFetch, 5, { groupId: 'g', topics, groups: [] });
    // Another group's offsets do not wait.
    expect(await committed(other, 'h')).toMatchObject({ committedOffset: -1n });
    expect([writer.received, reader.received]).toEqual([0, 0]);
    log.release();
    expect((await writer.answer(offsetCommit, 8)).topics[0]!.partitions[0]!.errorCode).toBe(0);
    expect((await reader.answer(offsetFetch, 5)).topics[0]!.partitions[0]!.committedOffset).toBe(2n);
  });
});
