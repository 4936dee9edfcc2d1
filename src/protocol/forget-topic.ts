import type { Broker } from './broker.ts';
import { isSinkGroup } from './groups/group-access.ts';

/**
 * What groups and producers had in a topic that was deleted. Outside groups begin anew in a topic of the same name; a sink of
 * ours shall see that its topic is another one. Durable when it resolves.
 */
export async function forgetTopic({ offsets, producers, writer }: Broker, topic: string): Promise<void> {
  for (const group of offsets.groups()) {
    if (isSinkGroup(group)) continue;
    await offsets.remove(
      group,
      offsets.partitionsOf(group).filter((place) => place.topic === topic),
    );
  }
  await producers.forgetTopic(topic, writer);
}
