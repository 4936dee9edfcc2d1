/**
 * Topics that the members of a consumer group subscribe to, from the metadata that consumers of every client send:
 * `version int16 · topics array of string · …` (org.apache.kafka.common.protocol, ConsumerProtocolSubscription).
 */
import { array, string } from '../../wire/messages/schema.ts';
import { ProtocolReader } from '../../wire/primitives.ts';
import type { Group } from './group.ts';

const topicList = array(string);

/** What cannot be read counts as no subscription. */
export function subscribedTopics({ members }: Group): ReadonlySet<string> {
  const topics = new Set<string>();
  for (const { protocols } of members.values()) {
    for (const { metadata } of protocols) for (const topic of topicsIn(metadata)) topics.add(topic);
  }
  return topics;
}

function topicsIn(metadata: Uint8Array): readonly string[] {
  const reader = new ProtocolReader(Buffer.from(metadata.buffer, metadata.byteOffset, metadata.length));
  try {
    const version = reader.int16();
    return topicList.read(reader, version);
  } catch {
    return [];
  }
}
