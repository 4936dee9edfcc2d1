/** Names of the checkpoints that the listener keeps in the log. Part of the on-disk format: never rename. */
import type { TopicPartition } from '../contracts/log.ts';

/** Random id of this log, as clients see it. */
export const CLUSTER_ID_CHECKPOINT = 'kafka/cluster-id';
/** First producer id that was never given out. */
export const PRODUCER_IDS_CHECKPOINT = 'kafka/producer-ids';

export const TRANSACTION_PREFIX = 'kafka/transaction/';
/** A transactional producer, by its transactional id. */
export const transactionCheckpoint = (transactionalId: string) => `${TRANSACTION_PREFIX}${transactionalId}`;

export const PRODUCER_PREFIX = 'kafka/producer/';
/** What a producer has appended to a partition. */
export const producerCheckpoint = (topic: string, partition: number, producerId: bigint) =>
  `${PRODUCER_PREFIX}${topic}/${partition}/${producerId}`;

/** Access control lists that clients have added. */
export const ACL_PREFIX = 'kafka/acl/';

/** Committed offsets: the same names that the runtime uses for its sinks. */
export const GROUP_PREFIX = 'group/';
export const groupPrefix = (group: string) => `${GROUP_PREFIX}${group}/`;
export const groupCheckpoint = (group: string, topic: string, partition: number) =>
  `${groupPrefix(group)}${topic}/${partition}`;

/** Parts of a group's checkpoint name. A group's name may hold slashes, a topic's may not. */
export function parseGroupCheckpoint(name: string): (TopicPartition & { readonly group: string }) | null {
  const match = /^group\/(.*)\/([^/]+)\/(\d+)$/s.exec(name);
  if (match === null) return null;
  const [, group = '', topic = '', partition = ''] = match;
  return { group, topic, partition: Number(partition) };
}
