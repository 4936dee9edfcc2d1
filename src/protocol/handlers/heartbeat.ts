import { heartbeat } from '../../wire/messages/heartbeat.ts';
import type { Broker } from '../broker.ts';
import { membershipRefusal } from '../groups/group-access.ts';
import { handler } from '../request.ts';

export function heartbeatHandler({ groups }: Broker) {
  return handler(heartbeat, ({ groupId, generationId, memberId, groupInstanceId }, { access }) => {
    const refusal = membershipRefusal(access, groupId);
    if (refusal !== null) return { errorCode: refusal };
    const errorCode = groups.heartbeat(groupId, { memberId, instanceId: groupInstanceId }, generationId);
    return { errorCode };
  });
}
