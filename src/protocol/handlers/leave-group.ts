import { KafkaError } from '../../wire/messages/error-codes.ts';
import { leaveGroup } from '../../wire/messages/leave-group.ts';
import type { Broker } from '../broker.ts';
import { isSinkGroup } from '../groups/coordinator.ts';
import { handler } from '../request.ts';

const SEVERAL_FROM = 3;

export function leaveGroupHandler({ groups }: Broker) {
  return handler(leaveGroup, ({ groupId, memberId, members }, { header }) => {
    if (header.apiVersion < SEVERAL_FROM) {
      return { errorCode: groups.leave(groupId, { memberId, instanceId: null }), members: [] };
    }
    if (groupId === '') return { errorCode: KafkaError.INVALID_GROUP_ID, members: [] };
    if (isSinkGroup(groupId)) return { errorCode: KafkaError.GROUP_AUTHORIZATION_FAILED, members: [] };
    return {
      errorCode: KafkaError.NONE,
      members: members.map(({ memberId, groupInstanceId }) => {
        const errorCode = groups.leave(groupId, { memberId, instanceId: groupInstanceId });
        return { memberId, groupInstanceId, errorCode };
      }),
    };
  });
}
