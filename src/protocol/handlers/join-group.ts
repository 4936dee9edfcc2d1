import { joinGroup } from '../../wire/messages/join-group.ts';
import type { Broker } from '../broker.ts';
import { membershipRefusal } from '../groups/group-access.ts';
import { refusedJoin } from '../groups/member.ts';
import { handler } from '../request.ts';

const REBALANCE_TIMEOUT_FROM = 1;
const MEMBER_ID_REQUIRED_FROM = 4;
const SKIP_ASSIGNMENT_FROM = 9;
const NULL_PROTOCOL_NAME_FROM = 7;

export function joinGroupHandler({ groups }: Broker) {
  return handler(joinGroup, async (request, { header, clientHost, signal, access }) => {
    const version = header.apiVersion;
    const { groupId, memberId, groupInstanceId, sessionTimeoutMs, protocolType } = request;
    // No time at all to come back would throw every member out.
    const given = version >= REBALANCE_TIMEOUT_FROM && request.rebalanceTimeoutMs > 0;
    const rebalanceTimeoutMs = given ? request.rebalanceTimeoutMs : sessionTimeoutMs;
    const join = {
      memberId,
      instanceId: groupInstanceId,
      clientId: header.clientId ?? '',
      clientHost: `/${clientHost}`,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocolType,
      // Copies: the request's bytes are not kept.
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
      memberIdRequired: version >= MEMBER_ID_REQUIRED_FROM,
      knowsSkipAssignment: version >= SKIP_ASSIGNMENT_FROM,
    };
    const refusal = membershipRefusal(access, groupId);
    const result = refusal === null ? await groups.join(groupId, join, signal) : refusedJoin(refusal, memberId);
    const protocolName = version >= NULL_PROTOCOL_NAME_FROM ? result.protocolName : (result.protocolName ?? '');
    return { ...result, protocolName };
  });
}
