import type { TopicPartition } from '../../contracts/log.ts';
import { addPartitionsToTxn } from '../../wire/messages/add-partitions-to-txn.ts';
import type { RequestOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import type { Broker } from '../broker.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';
import { abortableAs, fencedAs } from '../transactions/error-codes.ts';

const FENCED_FROM = 2;

type Request = RequestOf<typeof addPartitionsToTxn>;

/** All partitions or none: where one is refused the others are not attempted. */
export function addPartitionsToTxnHandler(broker: Broker) {
  return handler(addPartitionsToTxn, async (request, { header, access }) => {
    const places = request.topics.flatMap(({ name, partitions }) =>
      partitions.map((partition) => ({ topic: name, partition })),
    );
    const refusals = places.map((place) => placeRefusal(broker, access, place));
    const refused = refusals.some((errorCode) => errorCode !== null);
    const outcome = refused ? KafkaError.OPERATION_NOT_ATTEMPTED : await add(broker, access, request, places);
    const known = fencedAs(abortableAs(outcome, false), header.apiVersion >= FENCED_FROM);
    let at = 0;
    return {
      results: request.topics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => {
          return { partitionIndex, partitionErrorCode: refusals[at++] ?? known };
        }),
      })),
    };
  });
}

function placeRefusal({ topics }: Broker, access: Access, { topic, partition }: TopicPartition): KafkaErrorCode | null {
  if (!access.topic(Operation.WRITE, topic) || !topics.mayProduce(topic)) return KafkaError.TOPIC_AUTHORIZATION_FAILED;
  return topics.get(topic)?.partitions[partition] === undefined ? KafkaError.UNKNOWN_TOPIC_OR_PARTITION : null;
}

async function add(
  { transactions }: Broker,
  access: Access,
  { transactionalId, producerId, producerEpoch }: Request,
  places: readonly TopicPartition[],
): Promise<KafkaErrorCode> {
  if (!access.transactionalId(Operation.WRITE, transactionalId)) {
    return KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
  }
  try {
    return await transactions.add(transactionalId, { producerId, epoch: producerEpoch }, places);
  } catch (error) {
    return errorCodeOf(error);
  }
}
