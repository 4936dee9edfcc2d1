import { describeCluster } from '../../wire/messages/describe-cluster.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { clusterOperations, NOT_ASKED } from '../authorized-operations.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';

const BROKERS = 1;

export function describeClusterHandler(broker: Broker) {
  return handler(describeCluster, ({ endpointType, includeClusterAuthorizedOperations }, { access }) => {
    const clusterAuthorizedOperations = includeClusterAuthorizedOperations ? clusterOperations(access) : NOT_ASKED;
    const { clusterId, nodes } = broker;
    const common = { endpointType, clusterId, controllerId: nodes.controllerId, clusterAuthorizedOperations };
    if (endpointType !== BROKERS) {
      const errorMessage = 'only brokers can be described';
      return { ...common, errorCode: KafkaError.UNSUPPORTED_ENDPOINT_TYPE, errorMessage, brokers: [] };
    }
    return {
      ...common,
      errorCode: KafkaError.NONE,
      brokers: nodes.list().map(({ nodeId, ...at }) => ({ brokerId: nodeId, ...at })),
    };
  });
}
