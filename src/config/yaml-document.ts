/**
 * YAML text → tree. YAML 1.2, one document, plain data only: no anchors, aliases, merge keys or tags, so that a small file
 * cannot stand for a large one, and limits on size and depth.
 */
import { Alias, type Document, isMap, isScalar, isSeq, type Node, Pair, parseDocument, Scalar } from 'yaml';
import { quoted } from '../lib/printable.ts';
import type { Range } from './source-text.ts';
import type { MapEntry, MapNode, ScalarNode, TreeNode } from './tree.ts';
import { explainYamlError } from './yaml-errors.ts';
import { MAX_LEXEMES, type TooMuch, tooMuch } from './yaml-size.ts';

/** A pipeline of 100 sinks is half of this. */
export const MAX_FILE_BYTES = 64 * 1024;
const MAX_DEPTH = 24;

/** Something wrong at a place in the file. */
export interface Complaint {
  readonly level?: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
  readonly range: Range;
}

export interface ParsedYaml {
  /** Null for an empty file or one that cannot be understood. */
  readonly root: TreeNode | null;
  readonly complaints: readonly Complaint[];
}

/** A value that breaks the file is replaced, so that the rest can be read; more than this many are not. */
const MAX_REPAIRS = 10;
/** One mistake can make the parser complain about the rest of its line; about more only in a file that is none. */
const MAX_PARSER_ERRORS = 100;

export function parseYaml(text: string): ParsedYaml {
  const much = tooMuch(text);
  if (much !== null) return { root: null, complaints: [overfull(much)] };
  const complaints: Complaint[] = [];
  const replaced: Range[] = [];
  let readable = text;
  for (;;) {
    const document = parseText(readable);
    if (document === null) return { root: null, complaints: [...complaints, tooDeep([0, 1])] };
    const error = document.errors[0];
    if (error === undefined) return readDocument(document, text, replaced, complaints);
    const { inValue, ...complaint } = explainYamlError(readable, error);
    complaints.push(complaint);
    if (inValue !== true || replaced.length === MAX_REPAIRS || document.errors.length > MAX_PARSER_ERRORS)
      return { root: null, complaints };
    const [from, to] = complaint.range;
    replaced.push(complaint.range);
    readable = readable.slice(0, from) + 'x'.repeat(to - from) + readable.slice(to);
  }
}

/** Null when it is nested too deep to be parsed at all. */
function parseText(text: string): Document.Parsed | null {
  try {
    // Unique keys are checked below: the parser's own check takes quadratic time.
    return parseDocument(text, {
      prettyErrors: false,
      uniqueKeys: false,
      merge: false,
      stringKeys: true,
      version: '1.2',
    });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readDocument(
  document: Document.Parsed,
  text: string,
  replaced: readonly Range[],
  complaints: readonly Complaint[],
): ParsedYaml {
  const { explicit, version } = document.directives.yaml;
  if (explicit === true && version !== '1.2') {
    const message = `YAML ${version} is not read here: pipeline files are YAML 1.2`;
    const at = text.indexOf('%YAML');
    return { root: null, complaints: [{ code: 'yaml-version', message, fix: 'remove the line', range: [at, at + 9] }] };
  }
  const reader = new TreeReader(text, replaced);
  const root = document.contents === null ? null : reader.read(document.contents, 0);
  return { root, complaints: [...complaints, ...reader.complaints] };
}

function tooDeep(range: Range): Complaint {
  return { code: 'yaml-depth', message: `nested more than ${MAX_DEPTH} levels deep`, range };
}

function overfull({ what, range }: TooMuch): Complaint {
  if (what === 'depth') return tooDeep(range);
  if (what === 'properties') {
    const message = 'anchors (&name), aliases (*name) and tags (!name) are not used in pipeline files';
    return { code: 'yaml-alias', message, fix: 'write each value out', range };
  }
  const message = `the file has more than ${MAX_LEXEMES} words and signs`;
  return { code: 'yaml-words', message, fix: 'make several pipelines of it', range };
}

class TreeReader {
  readonly complaints: Complaint[] = [];
  readonly #text: string;
  readonly #replaced: readonly Range[];

  /** @param replaced where the parser was given something else than the text. */
  constructor(text: string, replaced: readonly Range[]) {
    this.#text = text;
    this.#replaced = replaced;
  }

  read(node: Node | null, depth: number): TreeNode {
    const range = rangeOf(node);
    if (depth > MAX_DEPTH) {
      this.complaints.push(tooDeep(range));
      return unknown(range);
    }
    if (node instanceof Alias) {
      this.#refuse('yaml-alias', 'aliases (*name) are not used in pipeline files', 'write the value out', range);
      return unknown(range);
    }
    if (this.#replaced.some(([from, to]) => from < range[1] && range[0] < to) && isScalar(node)) return unknown(range);
    if (this.#refuseProperties(node, range)) return unknown(range);
    if (isMap(node)) return this.#map(node.items, depth, range);
    if (isSeq(node)) {
      return { kind: 'list', items: node.items.map((item) => this.read(item as Node | null, depth + 1)), range };
    }
    return isScalar(node) ? this.#scalar(node, range) : nothing(range);
  }

  #map(pairs: readonly unknown[], depth: number, range: Range): MapNode {
    const entries = new Map<string, MapEntry>();
    let isComplete = true;
    for (const pair of pairs) {
      if (!(pair instanceof Pair)) continue;
      const keyNode = pair.key as Node | null;
      const keyRange = rangeOf(keyNode);
      if (!(keyNode instanceof Scalar)) {
        this.#refuse('yaml-key', 'a key must be a plain word', 'write key: value', keyRange);
        isComplete = false;
        continue;
      }
      this.#refuseProperties(keyNode, keyRange);
      const key = keyNode.type === 'PLAIN' && keyNode.source !== undefined ? keyNode.source : String(keyNode.value);
      const first = entries.get(key);
      if (key === '<<') {
        isComplete = false;
        this.#refuse('yaml-merge', 'merge keys (<<) are not used in pipeline files', 'write the keys out', keyRange);
      } else if (first !== undefined) {
        const line = this.#text.slice(0, first.keyRange[0]).split('\n').length;
        const message = `${quoted(key)} is already there in line ${line}`;
        this.#refuse('duplicate-key', message, 'keep one of the two', keyRange);
      } else {
        const value = pair.value as Node | null;
        const node = value === null ? nothing([keyRange[1], keyRange[1]]) : this.read(value, depth + 1);
        entries.set(key, { key, keyRange, value: node });
      }
    }
    return { kind: 'map', entries: [...entries.values()], range, isComplete };
  }

  #scalar(node: Scalar, range: Range): ScalarNode {
    const style = STYLES[node.type ?? 'PLAIN'] ?? 'plain';
    const text = style === 'plain' ? (node.source ?? '') : String(node.value);
    return {
      kind: 'scalar',
      value: style === 'plain' ? plainValue(node.value, text) : text,
      text,
      style,
      range,
      resolution: null,
      isUnknown: false,
    };
  }

  /** True when a tag makes the value another one than is written. */
  #refuseProperties(node: Node | null, range: Range): boolean {
    if (node === null || node instanceof Alias) return false;
    if ('anchor' in node && typeof node.anchor === 'string') {
      const at = this.#before('&', range);
      this.#refuse('yaml-alias', 'anchors (&name) are not used in pipeline files', 'write each value out', at);
    }
    if (node.tag === undefined) return false;
    const fix = 'put quotes around a text that starts with !';
    this.#refuse('yaml-tag', 'tags (!name) are not used in pipeline files', fix, this.#before('!', range));
    return isScalar(node);
  }

  /** Where a property (anchor or tag) of a node stands: right before it. */
  #before(sign: '&' | '!', [from, to]: Range): Range {
    let at = this.#text.lastIndexOf(sign, from - 1);
    if (at === -1) return [from, to];
    while (this.#text[at - 1] === sign) at--;
    return [at, at + (/^\S+/.exec(this.#text.slice(at, to))?.[0].length ?? 1)];
  }

  #refuse(code: string, message: string, fix: string, range: Range): void {
    this.complaints.push({ code, message, fix, range });
  }
}

const STYLES: Readonly<Record<string, ScalarNode['style']>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'block',
  BLOCK_FOLDED: 'block',
};

/** A number only when it is the number that is written: not `1.10`, `0x1F` or one with more digits than a double holds. */
function plainValue(value: unknown, text: string): string | number | boolean | null {
  if (value === null || typeof value === 'boolean') return value;
  return typeof value === 'number' && String(value) === text ? value : text;
}

function rangeOf(node: Node | null): Range {
  const range = node?.range;
  return range == null ? [0, 0] : [range[0], range[1]];
}

function nothing(range: Range): ScalarNode {
  return { kind: 'scalar', value: null, text: '', style: 'plain', range, resolution: null, isUnknown: false };
}

function unknown(range: Range): ScalarNode {
  return { ...nothing(range), isUnknown: true };
}
