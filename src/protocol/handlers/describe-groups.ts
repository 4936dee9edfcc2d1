import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { describeGroups } from '../../wire/messages/describe-groups.ts';
import { KafkaError } from '../../wire/messages/error-codes.ts';
import { groupOperations, NOT_ASKED } from '../authorized-operations.ts';
import type { Broker } from '../broker.ts';
import type { Group } from '../groups/group.ts';
import { type Member, metadataOf, NO_ASSIGNMENT } from '../groups/member.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';

type Request = RequestOf<typeof describeGroups>;
type DescribedGroup = ResponseOf<typeof describeGroups>['groups'][number];

export function describeGroupsHandler(broker: Broker) {
  return handler(describeGroups, ({ groups, includeAuthorizedOperations }: Request, { access }) => {
    const withOffsets = broker.offsets.groups();
    return {
      groups: groups.map((groupId): DescribedGroup => {
        if (!access.group(Operation.DESCRIBE, groupId)) return refused(groupId);
        const group = broker.groups.get(groupId);
        // Kafka's word for a group that does not exist.
        const state = group?.state ?? (withOffsets.has(groupId) ? 'Empty' : 'Dead');
        return {
          errorCode: KafkaError.NONE,
          groupId,
          groupState: state,
          protocolType: group?.protocolType ?? '',
          protocolData: (state === 'Stable' ? group?.protocolName : null) ?? '',
          members: group === undefined ? [] : [...group.members.values()].map((member) => described(group, member)),
          authorizedOperations: includeAuthorizedOperations ? groupOperations(access, groupId) : NOT_ASKED,
        };
      }),
    };
  });
}

function refused(groupId: string): DescribedGroup {
  const none = { groupState: '', protocolType: '', protocolData: '', members: [], authorizedOperations: NOT_ASKED };
  return { errorCode: KafkaError.GROUP_AUTHORIZATION_FAILED, groupId, ...none };
}

/** Metadata and assignment only make sense while the group is stable. */
function described({ state, protocolName }: Group, member: Member): DescribedGroup['members'][number] {
  const stable = state === 'Stable';
  return {
    memberId: member.id,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    memberMetadata: stable ? metadataOf(member, protocolName) : NO_ASSIGNMENT,
    memberAssignment: stable ? member.assignment : NO_ASSIGNMENT,
  };
}
