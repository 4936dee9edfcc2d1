import { syncGroup } from '../../wire/messages/sync-group.ts';
import type { Broker } from '../broker.ts';
import { membershipRefusal } from '../groups/group-access.ts';
import { refusedSync } from '../groups/member.ts';
import { handler } from '../request.ts';

export function syncGroupHandler({ groups }: Broker) {
  return handler(syncGroup, async (request, { signal, access }) => {
    const { groupId, generationId, memberId, groupInstanceId, protocolType, protocolName } = request;
    const refusal = membershipRefusal(access, groupId);
    if (refusal !== null) return refusedSync(refusal);
    // Copies: the request's bytes are not kept.
    const assignments = request.assignments.map((one) => ({ ...one, assignment: Buffer.from(one.assignment) }));
    const sync = { memberId, instanceId: groupInstanceId, generationId, protocolType, protocolName, assignments };
    return groups.sync(groupId, sync, signal);
  });
}
