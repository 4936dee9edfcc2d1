import type { TopicPartition } from '../../contracts/log.ts';
import type { RecordDeletion } from '../../contracts/log-admin.ts';
import { deleteRecords } from '../../wire/messages/delete-records.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';
import { changeRefusal } from '../topic-changes.ts';

/** Up to the end of what is there. */
const HIGH_WATERMARK = -1n;

/** Moves the starts of partitions up. */
export function deleteRecordsHandler(broker: Broker, retention: RecordDeletion) {
  return handler(deleteRecords, async ({ topics }, { access }) => ({
    topics: await Promise.all(
      topics.map(async ({ name, partitions }) => ({
        name,
        partitions: await Promise.all(
          partitions.map(async ({ partitionIndex, offset }) => {
            const refusal = changeRefusal(broker, access, Operation.DELETE, name);
            const [errorCode, lowWatermark] =
              refusal === null
                ? await deleteBefore(broker, retention, { topic: name, partition: partitionIndex }, offset)
                : [refusal[0], -1n];
            return { partitionIndex, errorCode, lowWatermark };
          }),
        ),
      })),
    ),
  }));
}

async function deleteBefore(
  broker: Broker,
  retention: RecordDeletion,
  { topic, partition }: TopicPartition,
  offset: bigint,
): Promise<readonly [errorCode: number, lowWatermark: bigint]> {
  const info = broker.topics.get(topic)?.partitions[partition];
  if (info === undefined) return [KafkaError.UNKNOWN_TOPIC_OR_PARTITION, -1n];
  const before = offset === HIGH_WATERMARK ? info.endOffset : offset;
  if (before < 0n || before > info.endOffset) return [KafkaError.OFFSET_OUT_OF_RANGE, -1n];
  if (before <= info.startOffset) return [KafkaError.NONE, info.startOffset];
  try {
    return [KafkaError.NONE, await retention.deleteBefore(topic, partition, before)];
  } catch (error) {
    return [errorCodeOf(error), -1n];
  }
}
