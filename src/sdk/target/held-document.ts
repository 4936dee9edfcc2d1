/** A row as a document that a target holds, against the one that would be written. */
import type { Row } from '../../contracts/row.ts';
import type { HeldRow } from '../../contracts/verification.ts';
import { GrowingBytes } from './growing-bytes.ts';
import { heldRow } from './held-row.ts';
import { writeDocument } from './json-document.ts';
import { documentMembers } from './json-text.ts';

const scratch = new GrowingBytes();

/**
 * Values are compared as they are written; what stands between them is no difference.
 * @param held undefined: it is no JSON object
 * @param own members that Tailrace adds
 */
export function heldDocument(row: Row, held: ReadonlyMap<string, string> | undefined, own: readonly string[]): HeldRow {
  if (held === undefined) return { state: 'different', columns: [] };
  scratch.clear();
  writeDocument(scratch, row);
  const wanted = documentMembers(Buffer.from(scratch.view()).toString())!;
  const names = new Set([...wanted.keys(), ...held.keys()]);
  const columns = [...names].filter((name) => !own.includes(name) && wanted.get(name) !== held.get(name));
  return heldRow(columns);
}
