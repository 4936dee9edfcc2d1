import type { Log } from '../contracts/log.ts';
import type { LeaderEpochs } from '../contracts/log-admin.ts';
import { KafkaError, type KafkaErrorCode } from '../wire/messages/error-codes.ts';

const ONLY_EPOCH = 0;

/** A log that has one leader for ever, and never takes back what a reader has seen. */
export function constantEpoch(log: Log): LeaderEpochs {
  return {
    current: () => ONLY_EPOCH,
    endOf(topic, partition, epoch) {
      const info = log.topics.get(topic)?.partitions[partition];
      return epoch !== ONLY_EPOCH || info === undefined ? null : { epoch, endOffset: info.endOffset };
    },
  };
}

/** Fences a client by the epoch that it believes in; -1: it believes in none (KIP-320). */
export function epochRefusal(current: number, believed: number): KafkaErrorCode | null {
  if (believed < 0 || believed === current) return null;
  return believed < current ? KafkaError.FENCED_LEADER_EPOCH : KafkaError.UNKNOWN_LEADER_EPOCH;
}
