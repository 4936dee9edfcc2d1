/** A configuration file as a tree of values that know their place. */
import type { Range } from './source-text.ts';
import type { Resolution } from './variables.ts';

export interface ScalarNode {
  readonly kind: 'scalar';
  /** As YAML types it, before variables. Numbers that a double cannot hold exactly as written stay text. */
  readonly value: string | number | boolean | null;
  /** The content as text: quotes, escapes and folding undone. */
  readonly text: string;
  readonly style: 'plain' | 'single' | 'double' | 'block';
  readonly range: Range;
  /** What its variables stand for; null without variables. */
  readonly resolution: Resolution | null;
  /** What stands there was refused and its problem reported: nothing more can be said about it. */
  readonly isUnknown: boolean;
}

export interface MapEntry {
  readonly key: string;
  readonly keyRange: Range;
  readonly value: TreeNode;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
  readonly range: Range;
  /** False when keys were refused, so that missing ones may be among them. */
  readonly isComplete: boolean;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly TreeNode[];
  readonly range: Range;
}

export type TreeNode = ScalarNode | MapNode | ListNode;

/** Keys of maps and indexes of lists from the root. */
export type Path = readonly (string | number)[];

export function child(node: TreeNode, part: string | number): TreeNode | undefined {
  if (node.kind === 'list') return typeof part === 'number' ? node.items[part] : undefined;
  return node.kind === 'map' ? node.entries.find(({ key }) => key === String(part))?.value : undefined;
}

export function nodeAt(root: TreeNode, path: Path): TreeNode | undefined {
  let node: TreeNode | undefined = root;
  for (const part of path) {
    if (node === undefined) return undefined;
    node = child(node, part);
  }
  return node;
}

/** Every scalar at or below a node, with its path below it. */
export function* scalars(node: TreeNode, path: Path = []): Generator<readonly [ScalarNode, Path]> {
  if (node.kind === 'scalar') yield [node, path];
  else if (node.kind === 'list') for (const [i, item] of node.items.entries()) yield* scalars(item, [...path, i]);
  else for (const { key, value } of node.entries) yield* scalars(value, [...path, key]);
}

/** The tree as plain values. Maps have no prototype: a key may be `__proto__`. */
export function toValue(node: TreeNode): unknown {
  if (node.kind === 'scalar') return node.resolution === null ? node.value : node.resolution.value;
  if (node.kind === 'list') return node.items.map(toValue);
  const map: Record<string, unknown> = Object.create(null);
  for (const { key, value } of node.entries) map[key] = toValue(value);
  return map;
}
