/**
 * Names of the keys that Tailrace keeps beside the rows, and versions as text. `<group>` is empty outside of a cluster; in one it
 * is the hash tag that the rows of the group have in their keys, so that all of this lies in the slot of those rows:
 *   _tr:sink:<group><pipeline>.<sink>  hash: `writer` (epoch:lineage of who may write), `<topic>/<partition>` → position as JSON,
 *                                      `appended:<topic>/<partition>` → `generation:offset` of the last entry of a stream
 *   _tr:table:<group><id>              hash: `floor`, `swept`, `highest` (version of a write), `deletes` (of a delete), `name`
 *   _tr:deleted:<key>                  version of a hash that was deleted or expires, for the hold time
 *   _tr:row:<key>                      version and table id of a row kept as a string; with `-` at the end once it is deleted,
 *                                      for the hold time
 *   _tr:member:<bytes of key>:<key><member>  the same for a member of a set
 * A hash has its version and table id as fields `_tr_version` and `_tr_source`.
 */

export const SERVICE_PREFIX = '_tr:';
export const SOURCE_FIELD = '_tr_source';
export const ROW_PREFIX = `${SERVICE_PREFIX}row:`;
export const DELETED_PREFIX = `${SERVICE_PREFIX}deleted:`;
export const MEMBER_PREFIX = `${SERVICE_PREFIX}member:`;

export const VERSION_DIGITS = 19;

/** Compared as text: Lua's numbers are doubles. */
export function versionText(version: bigint): string {
  const text = String(version);
  return text.length === VERSION_DIGITS ? text : text.padStart(VERSION_DIGITS, '0');
}

export const sinkKey = (group: string, id: string) => `${SERVICE_PREFIX}sink:${group}${id}`;
export const tableKey = (group: string, id: string) => `${SERVICE_PREFIX}table:${group}${id}`;
export const rowKey = (key: string) => `${ROW_PREFIX}${key}`;
export const memberKey = (key: string, member: string) => `${MEMBER_PREFIX}${Buffer.byteLength(key)}:${key}${member}`;
