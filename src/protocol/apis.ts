/** The APIs that are offered: what stands here is advertised, in the versions that its message file declares. */
import type { LogAdmin, TopicAdmin } from '../contracts/log-admin.ts';
import type { Broker } from './broker.ts';
import { createAclsHandler, deleteAclsHandler, describeAclsHandler } from './handlers/acls.ts';
import { addOffsetsToTxnHandler } from './handlers/add-offsets-to-txn.ts';
import { addPartitionsToTxnHandler } from './handlers/add-partitions-to-txn.ts';
import { alterConfigsHandler, incrementalAlterConfigsHandler } from './handlers/alter-configs.ts';
import { alterUserScramCredentialsHandler } from './handlers/alter-user-scram-credentials.ts';
import { apiVersionsHandler } from './handlers/api-versions.ts';
import { createPartitionsHandler } from './handlers/create-partitions.ts';
import { createTopicsHandler } from './handlers/create-topics.ts';
import { deleteGroupsHandler } from './handlers/delete-groups.ts';
import { deleteRecordsHandler } from './handlers/delete-records.ts';
import { deleteTopicsHandler } from './handlers/delete-topics.ts';
import { describeClusterHandler } from './handlers/describe-cluster.ts';
import { describeConfigsHandler } from './handlers/describe-configs.ts';
import { describeGroupsHandler } from './handlers/describe-groups.ts';
import { describeLogDirsHandler } from './handlers/describe-log-dirs.ts';
import { endTxnHandler } from './handlers/end-txn.ts';
import { fetchHandler } from './handlers/fetch.ts';
import { findCoordinatorHandler } from './handlers/find-coordinator.ts';
import { heartbeatHandler } from './handlers/heartbeat.ts';
import { initProducerIdHandler } from './handlers/init-producer-id.ts';
import { joinGroupHandler } from './handlers/join-group.ts';
import { leaveGroupHandler } from './handlers/leave-group.ts';
import { listGroupsHandler } from './handlers/list-groups.ts';
import { listOffsetsHandler } from './handlers/list-offsets.ts';
import { metadataHandler } from './handlers/metadata.ts';
import { offsetCommitHandler } from './handlers/offset-commit.ts';
import { offsetDeleteHandler } from './handlers/offset-delete.ts';
import { offsetFetchHandler } from './handlers/offset-fetch.ts';
import { offsetForLeaderEpochHandler } from './handlers/offset-for-leader-epoch.ts';
import { produceHandler } from './handlers/produce.ts';
import { alterPartitionReassignmentsHandler, listPartitionReassignmentsHandler } from './handlers/reassignments.ts';
import { saslAuthenticateHandler, saslHandshakeHandler } from './handlers/sasl.ts';
import { syncGroupHandler } from './handlers/sync-group.ts';
import { txnOffsetCommitHandler } from './handlers/txn-offset-commit.ts';
import type { RegisteredApi } from './request.ts';
import type { Acls } from './security/acls.ts';

/** By API key. @param admin what the log can do; what it cannot is not offered */
export function offeredApis(broker: Broker, admin: LogAdmin): ReadonlyMap<number, RegisteredApi> {
  const apis = new Map<number, RegisteredApi>();
  const offered = [
    apiVersionsHandler(apis),
    produceHandler(broker),
    fetchHandler(broker),
    listOffsetsHandler(broker),
    metadataHandler(broker),
    findCoordinatorHandler(broker),
    joinGroupHandler(broker),
    syncGroupHandler(broker),
    heartbeatHandler(broker),
    leaveGroupHandler(broker),
    offsetCommitHandler(broker),
    offsetFetchHandler(broker),
    offsetDeleteHandler(broker),
    describeGroupsHandler(broker),
    listGroupsHandler(broker),
    deleteGroupsHandler(broker),
    createTopicsHandler(broker),
    initProducerIdHandler(broker),
    addPartitionsToTxnHandler(broker),
    addOffsetsToTxnHandler(broker),
    endTxnHandler(broker),
    txnOffsetCommitHandler(broker),
    describeClusterHandler(broker),
    describeConfigsHandler(broker),
    describeLogDirsHandler(broker),
    offsetForLeaderEpochHandler(broker),
    saslHandshakeHandler(),
    saslAuthenticateHandler(broker),
    alterPartitionReassignmentsHandler(broker),
    listPartitionReassignmentsHandler(),
    ...(broker.alterableUsers === null ? [] : [alterUserScramCredentialsHandler(broker.alterableUsers)]),
    ...(broker.acls === null ? [] : aclHandlers(broker.acls)),
    ...(admin.topics === undefined ? [] : topicAdminHandlers(broker, admin.topics)),
    ...(admin.retention === undefined ? [] : [deleteRecordsHandler(broker, admin.retention)]),
  ];
  for (const registered of offered) apis.set(registered.api.key, registered);
  return apis;
}

function aclHandlers(acls: Acls): RegisteredApi[] {
  return [describeAclsHandler(acls), createAclsHandler(acls), deleteAclsHandler(acls)];
}

function topicAdminHandlers(broker: Broker, admin: TopicAdmin): RegisteredApi[] {
  return [
    deleteTopicsHandler(broker, admin),
    createPartitionsHandler(broker, admin),
    alterConfigsHandler(broker, admin),
    incrementalAlterConfigsHandler(broker, admin),
  ];
}
