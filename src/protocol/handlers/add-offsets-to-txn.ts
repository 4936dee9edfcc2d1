import { addOffsetsToTxn } from '../../wire/messages/add-offsets-to-txn.ts';
import type { RequestOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import type { Broker } from '../broker.ts';
import { changeRefusal } from '../groups/group-access.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { abortableAs, fencedAs } from '../transactions/error-codes.ts';

const FENCED_FROM = 2;
const ABORTABLE_FROM = 4;

type Request = RequestOf<typeof addOffsetsToTxn>;

export function addOffsetsToTxnHandler(broker: Broker) {
  return handler(addOffsetsToTxn, async (request, { header, access }) => {
    const outcome = abortableAs(await add(broker, access, request), header.apiVersion >= ABORTABLE_FROM);
    return { errorCode: fencedAs(outcome, header.apiVersion >= FENCED_FROM) };
  });
}

async function add(
  { transactions }: Broker,
  access: Access,
  { transactionalId, producerId, producerEpoch, groupId }: Request,
): Promise<KafkaErrorCode> {
  if (!access.transactionalId(Operation.WRITE, transactionalId)) {
    return KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  }
  const refusal = changeRefusal(access, groupId, Operation.READ);
  if (refusal !== null) return refusal;
  try {
    return await transactions.addGroup(transactionalId, { producerId, epoch: producerEpoch }, groupId);
  } catch (error) {
    return errorCodeOf(error);
  }
}
