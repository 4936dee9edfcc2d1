import { expect, onTestFinished, test } from 'vitest';
import { startListener } from '../../../test/support/kafka-broker.ts';
import { WireClient } from '../../../test/support/kafka-wire.ts';
import { MemoryLog } from '../../../test/support/memory-log.ts';
import { joinGroup } from '../../wire/messages/join-group.ts';
import { metadata } from '../../wire/messages/metadata.ts';
import { offsetFetch } from '../../wire/messages/offset-fetch.ts';

async function started() {
  const log = new MemoryLog();
  await log.topics.ensure('t', { partitions: 1, cleanup: 'delete' });
  const listener = await startListener(log);
  onTestFinished(() => listener.close());
  const [client, other] = await Promise.all([WireClient.connect(listener.port), WireClient.connect(listener.port)]);
  onTestFinished(() => client.close());
  onTestFinished(() => other.close());
  return { log, client, other, groups: listener.groups };
}

const everything = { topics: null, includeTopicAuthorizedOperations: false };
const at = (offset: bigint) => [{ topic: 't', partition: 0, offset }];
const topics = [{ name: 't', partitionIndexes: [0] }];

test('who comes while the offsets are being moved gets the new ones', async () => {
  const { log, client, other, groups } = await started();
  await groups.setOffsets('g', at(9n));
  log.hold();
  const moved = groups.setOffsets('g', at(2n));
  const asked = client.ask(offsetFetch, 5, { groupId: 'g', topics, groups: [] });
  // The answers to what others ask later come first.
  for (let i = 0; i < 3; i++) expect((await other.ask(metadata, 4, everything)).brokers).toHaveLength(1);
  log.release();
  await moved;
  expect((await asked).topics[0]!.partitions[0]!.committedOffset).toBe(2n);
});

test('a group with members keeps its offsets', async () => {
  const { client, groups } = await started();
  expect(groups.get('g')).toBeUndefined();
  await groups.setOffsets('g', at(5n));
  const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }];
  const join = {
    groupId: 'g',
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    protocolType: 'consumer',
    protocols,
  };
  const { memberId } = await client.ask(joinGroup, 3, join);
  expect(groups.names()).toEqual(['g']);
  const member = { id: memberId, clientId: 'wire', host: '/127.0.0.1' };
  expect(groups.get('g')).toEqual({ state: 'CompletingRebalance', members: [member] });
  expect(groups.setOffsets('g', at(1n))).toBeNull();
  const { topics: found } = await client.ask(offsetFetch, 5, { groupId: 'g', topics, groups: [] });
  expect(found[0]!.partitions[0]!.committedOffset).toBe(5n);
});
