/**
 * Changes of parts of a JSON document, as `binlog_row_value_options = PARTIAL_JSON` writes them (sql/json_diff.h), one behind
 * the other: operation (1), path (packed length, text), and unless something is removed the value (packed length, binary
 * JSON). Paths lead to one place: members and numbered elements only.
 */
import { type JsonNode, jsonBytes, jsonTree } from './json-tree.ts';
import { packedLength } from './packed-length.ts';
import { need, unsupported } from './source-errors.ts';

const REPLACE = 0;
const INSERT = 1;
const REMOVE = 2;

/** A member's name, or an element's number, below zero from the end: -1 is the last. */
type Leg = string | number;

/** The binary document `before` with the changes of buf[from, to) applied. Throws `source.unsupported` when they do not fit. */
export function withDiffs(before: Buffer, buf: Buffer, from: number, to: number): Buffer {
  if (from === to) return before;
  let root = jsonTree(before, 0, before.length);
  for (let at = from; at < to; ) {
    const operation = buf[at]!;
    const path = packedLength(buf, at + 1, to);
    const value = operation === REMOVE ? null : packedLength(buf, path.end, to);
    const legs = pathLegs(buf.toString('utf8', path.at, path.end));
    const node = value === null ? null : jsonTree(buf, value.at, value.end);
    if (legs.length > 0) change(parentOf(root, legs), legs.at(-1)!, operation, node);
    else {
      fits(operation === REPLACE && node !== null);
      root = node;
    }
    at = (value ?? path).end;
  }
  return jsonBytes(root);
}

/** What holds the last leg. */
function parentOf(root: JsonNode, legs: readonly Leg[]): JsonNode {
  let node: JsonNode | undefined = root;
  for (const leg of legs.slice(0, -1)) {
    if (node?.kind === 'array' && typeof leg === 'number') node = node.items.at(leg);
    else if (node?.kind === 'object' && typeof leg === 'string') node = node.members.get(leg);
    else node = undefined;
  }
  fits(node !== undefined);
  return node;
}

function change(parent: JsonNode, leg: Leg, operation: number, node: JsonNode | null): void {
  if (parent.kind === 'object' && typeof leg === 'string') {
    fits(parent.members.has(leg) === (operation !== INSERT));
    if (node === null) parent.members.delete(leg);
    else parent.members.set(leg, node);
    return;
  }
  fits(parent.kind === 'array' && typeof leg === 'number');
  const { items } = parent;
  const index = leg < 0 ? items.length + leg : leg;
  fits(operation === INSERT || (index >= 0 && index < items.length));
  // What is inserted beyond an end is put at that end.
  const added = node === null ? [] : [node];
  items.splice(Math.max(index, 0), operation === INSERT ? 0 : 1, ...added);
}

/** Invariant 5: a change that cannot be applied is not left out. */
function fits(condition: boolean): asserts condition {
  if (condition) return;
  throw unsupported(
    'a JSON column was changed in part, and the change does not fit its value before',
    "SET PERSIST binlog_row_value_options = ''; then set `on_gap: resnapshot` on the source",
  );
}

/** A member as it is or as a JSON string, or an element by its number from the begin or the end. */
const LEG = /\.(?:"((?:[^"\\]|\\.)*)"|([^.[\]"\s]+))|\[(last)?-?(\d*)\]/y;

function pathLegs(path: string): Leg[] {
  need(path.startsWith('$'));
  const legs: Leg[] = [];
  LEG.lastIndex = 1;
  while (LEG.lastIndex < path.length) {
    const found = LEG.exec(path);
    fits(found !== null);
    const [, quoted, name, last, index] = found;
    if (index !== undefined) legs.push(last === undefined ? Number(index) : -1 - Number(index));
    else legs.push(name ?? (JSON.parse(`"${quoted}"`) as string));
  }
  return legs;
}
