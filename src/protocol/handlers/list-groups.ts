import { KafkaError } from '../../wire/messages/error-codes.ts';
import { listGroups } from '../../wire/messages/list-groups.ts';
import type { Broker } from '../broker.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';

const CLASSIC = 'classic';

/** Groups with members, and groups that have only committed offsets. */
export function listGroupsHandler({ groups, offsets }: Broker) {
  return handler(listGroups, ({ statesFilter, typesFilter }, { access }) => {
    const all = access.cluster(Operation.DESCRIBE);
    const wantedStates = new Set(statesFilter.map((state) => state.toLowerCase()));
    const wantedTypes = typesFilter.map((type) => type.toLowerCase());
    const groupIds = [...new Set([...groups.groupIds(), ...offsets.groups()])].sort();
    const visible = groupIds.filter((groupId) => all || access.group(Operation.DESCRIBE, groupId));
    const listed = visible.map((groupId) => {
      const group = groups.get(groupId);
      const groupState = group?.state ?? 'Empty';
      return { groupId, protocolType: group?.protocolType ?? '', groupState, groupType: CLASSIC };
    });
    const wanted = listed.filter(({ groupState }) => {
      const stateWanted = wantedStates.size === 0 || wantedStates.has(groupState.toLowerCase());
      return stateWanted && (wantedTypes.length === 0 || wantedTypes.includes(CLASSIC));
    });
    return { errorCode: KafkaError.NONE, groups: wanted };
  });
}
