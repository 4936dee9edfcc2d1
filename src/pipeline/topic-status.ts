import type { TopicStatus } from '../contracts/control.ts';
import type { TopicInfo } from '../contracts/log.ts';

/** A topic as the API shows it: offsets as decimal strings. */
export function topicStatus(topic: TopicInfo): TopicStatus {
  return {
    name: topic.name,
    cleanup: topic.settings.cleanup,
    partitions: topic.partitions.map(({ partition, startOffset, endOffset, sizeBytes }) => ({
      partition,
      startOffset: String(startOffset),
      endOffset: String(endOffset),
      sizeBytes,
    })),
  };
}
