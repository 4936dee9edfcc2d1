import { KafkaError } from '../../wire/messages/error-codes.ts';
import { findCoordinator } from '../../wire/messages/find-coordinator.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';

const GROUP = 0;
const TRANSACTION = 1;
const KEYS_FROM = 4;

export function findCoordinatorHandler(broker: Broker) {
  return handler(findCoordinator, ({ key, keyType, coordinatorKeys }, { header, access }) => {
    if (header.apiVersion < KEYS_FROM) return { ...coordinatorOf(broker, access, keyType, key), coordinators: [] };
    return {
      coordinators: coordinatorKeys.map((each) => ({ ...coordinatorOf(broker, access, keyType, each), key: each })),
    };
  });
}

function coordinatorOf({ nodes }: Broker, access: Access, keyType: number, key: string) {
  const none = { nodeId: -1, host: '', port: -1 };
  if (keyType !== GROUP && keyType !== TRANSACTION) {
    const errorMessage = `coordinators of kind ${keyType} are not offered`;
    return { ...none, errorCode: KafkaError.INVALID_REQUEST, errorMessage };
  }
  if (keyType === GROUP && !access.group(Operation.DESCRIBE, key)) {
    return { ...none, errorCode: KafkaError.GROUP_AUTHORIZATION_FAILED, errorMessage: 'not allowed to see the group' };
  }
  if (keyType === TRANSACTION && !access.transactionalId(Operation.DESCRIBE, key)) {
    const errorCode = KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    return { ...none, errorCode, errorMessage: 'not allowed to see the transactional id' };
  }
  return { ...nodes.coordinatorOf(key), errorCode: KafkaError.NONE, errorMessage: null };
}
