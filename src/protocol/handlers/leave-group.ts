import { KafkaError } from '../../wire/messages/error-codes.ts';
import { leaveGroup } from '../../wire/messages/leave-group.ts';
import type { Broker } from '../broker.ts';
import { membershipRefusal } from '../groups/group-access.ts';
import { handler } from '../request.ts';

const SEVERAL_FROM = 3;

export function leaveGroupHandler({ groups }: Broker) {
  return handler(leaveGroup, ({ groupId, memberId, members }, { header, access }) => {
    const refusal = membershipRefusal(access, groupId);
    if (refusal !== null) return { errorCode: refusal, members: [] };
    if (header.apiVersion < SEVERAL_FROM) {
      return { errorCode: groups.leave(groupId, { memberId, instanceId: null }), members: [] };
    }
    return {
      errorCode: KafkaError.NONE,
      members: members.map(({ memberId, groupInstanceId }) => {
        const errorCode = groups.leave(groupId, { memberId, instanceId: groupInstanceId });
        return { memberId, groupInstanceId, errorCode };
      }),
    };
  });
}
