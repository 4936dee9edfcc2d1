import type { RequestOf } from '../../wire/messages/api.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { initProducerId } from '../../wire/messages/init-producer-id.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { fencedAs } from '../transactions/error-codes.ts';

const FENCED_FROM = 4;

type Request = RequestOf<typeof initProducerId>;

/** Ids and epochs for producers: idempotent ones get a new id each time, transactional ones keep theirs. */
export function initProducerIdHandler(broker: Broker) {
  return handler(initProducerId, async (request, { header, access }) => {
    try {
      const { errorCode, producerId, epoch } = await initialised(broker, access, request);
      return { errorCode: fencedAs(errorCode, header.apiVersion >= FENCED_FROM), producerId, producerEpoch: epoch };
    } catch (error) {
      return { errorCode: errorCodeOf(error), producerId: -1n, producerEpoch: -1 };
    }
  });
}

async function initialised({ transactions, producerIds }: Broker, access: Access, request: Request) {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
  const none = { producerId: -1n, epoch: -1 };
  if (transactionalId === null) {
    if (!access.idempotentWrite()) return { ...none, errorCode: KafkaError.CLUSTER_AUTHORIZATION_FAILED };
    return { errorCode: KafkaError.NONE, producerId: await producerIds.next(), epoch: 0 };
  }
  if (!access.transactionalId(Operation.WRITE, transactionalId)) {
    return { ...none, errorCode: KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
  }
  const claimed = producerId >= 0n && producerEpoch >= 0 ? { producerId, epoch: producerEpoch } : null;
  return transactions.init(transactionalId, transactionTimeoutMs, claimed);
}
