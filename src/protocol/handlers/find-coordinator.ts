import { KafkaError } from '../../wire/messages/error-codes.ts';
import { findCoordinator } from '../../wire/messages/find-coordinator.ts';
import { type Broker, NODE_ID } from '../broker.ts';
import { handler } from '../request.ts';

const GROUP = 0;
const KEYS_FROM = 4;

/** The one node coordinates every group. */
export function findCoordinatorHandler(broker: Broker) {
  return handler(findCoordinator, ({ keyType, coordinatorKeys }, { header }) => {
    const coordinator = coordinatorOf(broker, keyType);
    if (header.apiVersion < KEYS_FROM) return { ...coordinator, coordinators: [] };
    return { coordinators: coordinatorKeys.map((each) => ({ ...coordinator, key: each })) };
  });
}

function coordinatorOf({ endpoint }: Broker, keyType: number) {
  if (keyType === GROUP) return { nodeId: NODE_ID, ...endpoint, errorCode: KafkaError.NONE, errorMessage: null };
  const errorMessage = `coordinators of kind ${keyType} are not offered`;
  return { nodeId: -1, host: '', port: -1, errorCode: KafkaError.INVALID_REQUEST, errorMessage };
}
