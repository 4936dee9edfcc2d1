/** MySQL's binary JSON as a tree that can be changed, and back. Values stay the bytes that they were. */
import {
  isArrayType,
  isInlined,
  isObjectType,
  jsonMembers,
  LARGE_ARRAY,
  LARGE_OBJECT,
  LITERAL,
  scalarBytes,
} from './json-binary.ts';
import { need } from './source-errors.ts';

export interface JsonScalar {
  readonly kind: 'scalar';
  readonly type: number;
  readonly body: Buffer;
}
export interface JsonArray {
  readonly kind: 'array';
  readonly items: JsonNode[];
}
export interface JsonObject {
  readonly kind: 'object';
  /** In no order: `jsonBytes` puts them in the server's. */
  readonly members: Map<string, JsonNode>;
}
export type JsonNode = JsonScalar | JsonArray | JsonObject;

/** As the server allows. */
const MAX_DEPTH = 101;
const WIDTH = 4;

/** The document at buf[from, to); bodies of scalars are views of `buf`. */
export function jsonTree(buf: Buffer, from: number, to: number): JsonNode {
  // What a JSON column holds that was made NOT NULL over a NULL.
  if (from === to) return { kind: 'scalar', type: LITERAL, body: Buffer.of(0) };
  return nodeAt(buf, buf[from]!, from + 1, to, 0);
}

function nodeAt(buf: Buffer, type: number, from: number, to: number, depth: number): JsonNode {
  need(depth < MAX_DEPTH && from <= to);
  if (isArrayType(type)) {
    const items = jsonMembers(buf, type, from, to).map((item) => nodeAt(buf, item.type, item.from, item.to, depth + 1));
    return { kind: 'array', items };
  }
  if (isObjectType(type)) {
    const members = new Map<string, JsonNode>();
    for (const { key, ...value } of jsonMembers(buf, type, from, to)) {
      members.set(key!, nodeAt(buf, value.type, value.from, value.to, depth + 1));
    }
    return { kind: 'object', members };
  }
  return { kind: 'scalar', type, body: buf.subarray(from, from + scalarBytes(buf, type, from, to)) };
}

/** The document with all objects and arrays in their large forms, which any reader of the format takes. */
export function jsonBytes(node: JsonNode): Buffer {
  const { type, body } = encoded(node);
  return Buffer.concat([Buffer.of(type), ...body]);
}

interface Encoded {
  readonly type: number;
  readonly body: readonly Buffer[];
  readonly bytes: number;
}

/** Count and size, entries of keys, entries of values, keys, values. */
function encoded(node: JsonNode): Encoded {
  if (node.kind === 'scalar') return { type: node.type, body: [node.body], bytes: node.body.length };
  const members =
    node.kind === 'object' ? sorted(node.members) : node.items.map((item) => ({ key: null, value: item }));
  const keys = members.flatMap(({ key }) => (key === null ? [] : [key]));
  const head = Buffer.alloc(2 * WIDTH + keys.length * (WIDTH + 2) + members.length * (1 + WIDTH));
  const parts: Buffer[] = [head, ...keys];
  let at = 2 * WIDTH;
  let end = head.length;
  for (const key of keys) {
    head.writeUInt32LE(end, at);
    head.writeUInt16LE(key.length, at + WIDTH);
    at += WIDTH + 2;
    end += key.length;
  }
  for (const { value } of members) {
    const { type, body, bytes } = encoded(value);
    head[at] = type;
    if (isInlined(type, WIDTH)) body[0]!.copy(head, at + 1);
    else {
      head.writeUInt32LE(end, at + 1);
      parts.push(...body);
      end += bytes;
    }
    at += 1 + WIDTH;
  }
  head.writeUInt32LE(members.length, 0);
  head.writeUInt32LE(end, WIDTH);
  return { type: node.kind === 'object' ? LARGE_OBJECT : LARGE_ARRAY, body: parts, bytes: end };
}

/** As the server keeps them: shorter keys first, those of one length by their bytes. */
function sorted(members: ReadonlyMap<string, JsonNode>): { readonly key: Buffer; readonly value: JsonNode }[] {
  const found = [...members].map(([key, value]) => ({ key: Buffer.from(key), value }));
  return found.sort((a, b) => a.key.length - b.key.length || Buffer.compare(a.key, b.key));
}
