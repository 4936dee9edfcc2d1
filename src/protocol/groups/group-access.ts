/** What keeps a client from a group, before the group itself is asked. */
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import type { Access } from '../security/access.ts';
import { Operation } from '../security/acls.ts';

/** Groups of Tailrace's own sinks: outside clients see them and change nothing. */
const SINK_PREFIX = 'tailrace.';

export function isSinkGroup(groupId: string): boolean {
  return groupId.startsWith(SINK_PREFIX);
}

/** To be a member. Null: nothing. */
export function membershipRefusal(access: Access, groupId: string): KafkaErrorCode | null {
  if (groupId === '') return KafkaError.INVALID_GROUP_ID;
  return changeRefusal(access, groupId, Operation.READ);
}

/** To commit, or to delete. Null: nothing. */
export function changeRefusal(access: Access, groupId: string, operation: number): KafkaErrorCode | null {
  const allowed = !isSinkGroup(groupId) && access.group(operation, groupId);
  return allowed ? null : KafkaError.GROUP_AUTHORIZATION_FAILED;
}
