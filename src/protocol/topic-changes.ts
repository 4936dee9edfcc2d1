/** What outside clients may change: checks that all such requests share. */
import { KafkaError, type KafkaErrorCode } from '../wire/messages/error-codes.ts';
import type { Broker } from './broker.ts';
import type { Access } from './security/access.ts';

export const MAX_PARTITIONS = 1_000;

/** Error code and what to tell the client. */
export type Problem = readonly [errorCode: KafkaErrorCode, message: string];

/** Why a client may not change or delete the topic; null: it may. */
export function changeRefusal({ topics }: Broker, access: Access, operation: number, topic: string): Problem | null {
  if (!access.topic(operation, topic)) return [KafkaError.TOPIC_AUTHORIZATION_FAILED, 'not allowed on the topic'];
  if (topics.get(topic) === undefined) return [KafkaError.UNKNOWN_TOPIC_OR_PARTITION, 'the topic does not exist'];
  if (topics.mayProduce(topic)) return null;
  return [KafkaError.TOPIC_AUTHORIZATION_FAILED, `only Tailrace itself changes ${topic}`];
}
