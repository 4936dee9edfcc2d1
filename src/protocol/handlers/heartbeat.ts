import { heartbeat } from '../../wire/messages/heartbeat.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';

export function heartbeatHandler({ groups }: Broker) {
  return handler(heartbeat, ({ groupId, generationId, memberId, groupInstanceId }) => {
    const errorCode = groups.heartbeat(groupId, { memberId, instanceId: groupInstanceId }, generationId);
    return { errorCode };
  });
}
