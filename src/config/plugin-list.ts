/** Adds a name to the list `plugins:` of a tailrace.yaml, or takes it out; everything else in the file stays as it is written. */
import { TailraceError } from '../contracts/errors.ts';
import type { Range } from './source-text.ts';
import { child, type ListNode, type MapNode, type TreeNode, toValue } from './tree.ts';
import { parseYaml } from './yaml-document.ts';

const KEY = 'plugins';

/** Throws `config.invalid` where the file is not understood, or written in a way that is left to its owner. */
export function withPlugin(text: string, name: string): string {
  const root = rootOf(text);
  const node = root === null ? undefined : child(root, KEY);
  const item = yamlText(name);
  const before = namesIn(node);
  return checked(text, added(text, root, node, item), [...before, name]);
}

/** The same without the name; unchanged when it is not there. */
export function withoutPlugin(text: string, name: string): string {
  const root = rootOf(text);
  const node = root === null ? undefined : child(root, KEY);
  const before = namesIn(node);
  const index = before.indexOf(name);
  if (node?.kind !== 'list' || index < 0) return text;
  return checked(text, removed(text, node, index), before.toSpliced(index, 1));
}

/** The names in the list. Throws `config.invalid` like the others. */
export function listedPlugins(text: string): readonly string[] {
  const root = rootOf(text);
  return root === null ? [] : namesIn(child(root, KEY));
}

/** Null for a file without a key. */
function rootOf(text: string): MapNode | null {
  const { root, complaints } = parseYaml(text);
  if (complaints.some(({ level }) => level !== 'warning')) throw unclear();
  if (root === null || (root.kind === 'scalar' && root.value === null)) return null;
  if (root.kind !== 'map') throw unclear();
  return root;
}

function namesIn(node: TreeNode | undefined): readonly string[] {
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return [];
  const names = toValue(node);
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) throw unclear();
  return names;
}

function added(text: string, root: MapNode | null, node: TreeNode | undefined, item: string): string {
  if (node === undefined) {
    if (root !== null && text[root.range[0]] === '{') throw unclear();
    const rest = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    return `${rest}${KEY}:\n  - ${item}\n`;
  }
  if (node.kind !== 'list') return spliced(text, node.range, `${spaceBefore(text, node.range[0])}[${item}]`);
  const last = node.items.at(-1);
  if (last === undefined) return spliced(text, node.range, `[${item}]`);
  if (isFlow(text, node)) return spliced(text, [last.range[1], last.range[1]], `, ${item}`);
  const line = text.lastIndexOf('\n', last.range[0] - 1) + 1;
  const [indent = ''] = /^ *- +/.exec(text.slice(line)) ?? [];
  if (indent === '') throw unclear();
  const end = lineEnd(text, last.range[1]);
  return `${text.slice(0, end)}${text[end - 1] === '\n' ? '' : '\n'}${indent}${item}\n${text.slice(end)}`;
}

function removed(text: string, node: ListNode, index: number): string {
  const item = node.items[index]!;
  if (node.items.length === 1) {
    const whole = isFlow(text, node) ? node.range : ([node.range[0], item.range[1]] as const);
    return spliced(text, whole, '[]');
  }
  if (!isFlow(text, node)) {
    const start = text.lastIndexOf('\n', item.range[0] - 1) + 1;
    return spliced(text, [start, lineEnd(text, item.range[1])], '');
  }
  const next = node.items[index + 1];
  if (next !== undefined) return spliced(text, [item.range[0], next.range[0]], '');
  return spliced(text, [node.items[index - 1]!.range[1], item.range[1]], '');
}

const isFlow = (text: string, node: ListNode): boolean => text[node.range[0]] === '[';

/** `plugins:` needs a space before a value. */
const spaceBefore = (text: string, at: number): string => (text[at - 1] === ':' ? ' ' : '');

/** Behind the line break of the line that `at` is in. */
function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end + 1;
}

function spliced(text: string, [from, to]: Range, written: string): string {
  return text.slice(0, from) + written + text.slice(to);
}

/** In quotes unless it is surely plain. */
function yamlText(name: string): string {
  return /^[A-Za-z./][A-Za-z0-9_./-]*$/.test(name) && !/^(true|false|null)$/i.test(name) ? name : JSON.stringify(name);
}

/** The edited text, if the list is what it should be and every other key is what it was. */
function checked(before: string, after: string, wanted: readonly string[]): string {
  const { root, complaints } = parseYaml(after);
  const list = root === null ? [] : namesIn(child(root, KEY));
  const isRight = complaints.length === 0 && JSON.stringify(list) === JSON.stringify(wanted);
  if (!isRight || others(parseYaml(before).root) !== others(root)) throw unclear();
  return after;
}

/** Every key but the list, as text. */
function others(root: TreeNode | null): string {
  const entries = root?.kind === 'map' ? root.entries.filter(({ key }) => key !== KEY) : [];
  return JSON.stringify(entries.map(({ key, value }) => [key, toValue(value)]));
}

function unclear(): TailraceError {
  return new TailraceError('config.invalid', 'tailrace.yaml is written in a way that is not edited by a program', {
    remedy: 'mend what `tailrace lint` shows, or edit the list `plugins:` by hand',
  });
}
