import { KafkaError } from '../../wire/messages/error-codes.ts';
import { initProducerId } from '../../wire/messages/init-producer-id.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';

/** Ids for idempotent producers. A producer that wants to go on with a new epoch gets a new id, which is as good. */
export function initProducerIdHandler(broker: Broker) {
  return handler(initProducerId, async ({ transactionalId }, { access }) => {
    const none = { producerId: -1n, producerEpoch: -1 };
    if (transactionalId !== null) {
      return { ...none, errorCode: KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
    }
    if (!access.idempotentWrite()) return { ...none, errorCode: KafkaError.CLUSTER_AUTHORIZATION_FAILED };
    try {
      return { errorCode: KafkaError.NONE, producerId: await broker.producerIds.next(), producerEpoch: 0 };
    } catch (error) {
      return { ...none, errorCode: errorCodeOf(error) };
    }
  });
}
