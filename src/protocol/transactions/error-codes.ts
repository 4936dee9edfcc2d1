/** Errors of transactions, as clients of different ages know them. */
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';

/** @param known whether the client knows PRODUCER_FENCED */
export function fencedAs(errorCode: KafkaErrorCode, known: boolean): KafkaErrorCode {
  return errorCode === KafkaError.PRODUCER_FENCED && !known ? KafkaError.INVALID_PRODUCER_EPOCH : errorCode;
}

/**
 * A client that does not know that it could abort must not go on: it is fenced.
 * @param known whether the client knows TRANSACTION_ABORTABLE
 */
export function abortableAs(errorCode: KafkaErrorCode, known: boolean): KafkaErrorCode {
  return errorCode === KafkaError.TRANSACTION_ABORTABLE && !known ? KafkaError.PRODUCER_FENCED : errorCode;
}
