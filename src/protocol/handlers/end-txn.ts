import { endTxn } from '../../wire/messages/end-txn.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';
import { abortableAs, fencedAs } from '../transactions/error-codes.ts';

const FENCED_FROM = 2;
const ABORTABLE_FROM = 4;
/** Every end gives the producer its next epoch: a request that comes late cannot end the next transaction. */
const BUMPS_FROM = 5;

/** Commits or aborts. No answer before it is durable. */
export function endTxnHandler({ transactions }: Broker) {
  return handler(endTxn, async (request, { header, access }) => {
    const { transactionalId, producerId, producerEpoch, committed } = request;
    if (!access.transactionalId(Operation.WRITE, transactionalId)) {
      return { errorCode: KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED };
    }
    const version = header.apiVersion;
    const identity = { producerId, epoch: producerEpoch };
    try {
      const ended = await transactions.end(transactionalId, identity, committed, version >= BUMPS_FROM);
      const errorCode = fencedAs(abortableAs(ended.errorCode, version >= ABORTABLE_FROM), version >= FENCED_FROM);
      return { errorCode, producerId: ended.producerId, producerEpoch: ended.epoch };
    } catch (error) {
      return { errorCode: errorCodeOf(error) };
    }
  });
}
