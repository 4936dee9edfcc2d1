import type { PartitionInfo } from '../../contracts/log.ts';
import { describeLogDirs } from '../../wire/messages/describe-log-dirs.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';

/** The one directory. Where it lies is not told to clients; nor is how full its disk is. */
const LOG_DIR = 'data';
const ERROR_FROM = 3;

/** Sizes of partitions on disk. */
export function describeLogDirsHandler({ topics }: Broker) {
  return handler(describeLogDirs, ({ topics: wanted }, { access, header }) => {
    if (!access.cluster(Operation.DESCRIBE)) {
      // Kafka's answer to clients that know no error for the whole.
      const errorCode = header.apiVersion >= ERROR_FROM ? KafkaError.CLUSTER_AUTHORIZATION_FAILED : KafkaError.NONE;
      return { throttleTimeMs: 0, errorCode, results: [] };
    }
    const asked = wanted ?? topics.list().map(({ name }) => ({ topic: name, partitions: null }));
    const found = asked.flatMap(({ topic, partitions }) => {
      const existing = topics.get(topic)?.partitions ?? [];
      const described = existing.filter(({ partition }) => partitions?.includes(partition) ?? true).map(sizeOf);
      return described.length === 0 ? [] : [{ name: topic, partitions: described }];
    });
    const result = { errorCode: KafkaError.NONE, logDir: LOG_DIR, topics: found };
    return { throttleTimeMs: 0, errorCode: KafkaError.NONE, results: [result] };
  });
}

function sizeOf({ partition, sizeBytes }: PartitionInfo) {
  return { partitionIndex: partition, partitionSize: BigInt(sizeBytes), offsetLag: 0n, isFutureKey: false };
}
