/** What clients are told about errors of the log. */
import { TailraceError } from '../contracts/errors.ts';
import { KafkaError, type KafkaErrorCode } from '../wire/messages/error-codes.ts';

/** Rethrows what is not the log's: a bug closes the connection. */
export function errorCodeOf(error: unknown): KafkaErrorCode {
  switch (error instanceof TailraceError ? error.code : null) {
    case 'log.offset_out_of_range':
      return KafkaError.OFFSET_OUT_OF_RANGE;
    case 'log.no_such_topic':
      return KafkaError.UNKNOWN_TOPIC_OR_PARTITION;
    case 'topic.exists':
      return KafkaError.TOPIC_ALREADY_EXISTS;
    case 'log.damaged':
    case 'log.invalid_batch':
      return KafkaError.CORRUPT_MESSAGE;
    case 'log.failed':
    case 'log.closed':
    case 'log.fenced':
      return KafkaError.KAFKA_STORAGE_ERROR;
    default:
      throw error;
  }
}
