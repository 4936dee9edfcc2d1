import { deleteGroups } from '../../wire/messages/delete-groups.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import type { Broker } from '../broker.ts';
import { changeRefusal } from '../groups/group-access.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler } from '../request.ts';
import { Operation } from '../security/acls.ts';

export function deleteGroupsHandler(broker: Broker) {
  return handler(deleteGroups, async ({ groupsNames }, { access }) => ({
    results: await Promise.all(
      groupsNames.map(async (groupId) => ({
        groupId,
        errorCode: changeRefusal(access, groupId, Operation.DELETE) ?? (await deleteOne(broker, groupId)),
      })),
    ),
  }));
}

/** Removes the committed offsets of a group without members. */
async function deleteOne({ groups, offsets }: Broker, groupId: string): Promise<KafkaErrorCode> {
  await offsets.settled(groupId);
  const group = groups.get(groupId);
  if (group !== undefined && group.state !== 'Empty') return KafkaError.NON_EMPTY_GROUP;
  const partitions = offsets.partitionsOf(groupId);
  if (group === undefined && partitions.length === 0) return KafkaError.GROUP_ID_NOT_FOUND;
  try {
    await offsets.remove(groupId, partitions);
  } catch (error) {
    return errorCodeOf(error);
  }
  if (groups.get(groupId)?.state === 'Empty') groups.forget(groupId);
  return KafkaError.NONE;
}
