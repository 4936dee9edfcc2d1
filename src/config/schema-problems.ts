/** Checks a part of a file against its schema and says what is wrong in the file's own words. */
import { z } from 'zod';
import { didYouMean, nearest } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import type { ConfigFile } from './config-file.ts';
import { keysAt, secretPaths, secretsIn } from './schema-keys.ts';
import { nodeAt, type Path, type ScalarNode, type TreeNode, toValue } from './tree.ts';

// Schemas are walked, not compiled: no code is made from strings.
z.config({ jitless: true });

export interface SchemaCheck<T> {
  readonly schema: z.ZodType<T>;
  readonly file: ConfigFile;
  /** Where the checked part stands in the file. */
  readonly path: Path;
  readonly node: TreeNode;
  /** `an elasticsearch sink`, `tailrace.yaml`: whose keys these are. */
  readonly owner: string;
  /** Keys that belong to the owner but not to this schema: suggested, and no error here. */
  readonly otherKeys?: readonly string[];
}

/** The parsed value, or undefined after the problems were reported to the file. */
export function checkSchema<T>(check: SchemaCheck<T>): T | undefined {
  const { schema, file, path, node, otherKeys = [] } = check;
  const others = new Set(otherKeys);
  const own: TreeNode =
    node.kind === 'map' ? { ...node, entries: node.entries.filter(({ key }) => !others.has(key)) } : node;
  for (const secret of secretsIn(schema, own)) file.hide([...path, ...secret]);
  let value = toValue(own);
  let result = schema.safeParse(value);
  if (!result.success) {
    value = retyped(own, value, result.error.issues);
    result = schema.safeParse(value);
  }
  if (result.success) return file.hasUnresolved(path) ? undefined : result.data;
  for (const issue of result.error.issues) {
    if (file.isFull) break;
    reportIssue(check, own, issue);
  }
  return undefined;
}

/**
 * What a plain scalar or a variable means is decided by the field: `port: ${PORT}` is a number, `password: 1234` a text.
 * Returns the value with such scalars turned into what the issues ask for.
 */
function retyped(node: TreeNode, value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  let result = value;
  for (const { path, types } of issues.flatMap((issue) => expectations(issue, []))) {
    const scalar = nodeAt(node, path);
    if (scalar?.kind !== 'scalar') continue;
    const typed = types.map((type) => asType(scalar, type)).find((found) => found !== undefined);
    if (typed !== undefined) result = replaced(result, path, typed);
  }
  return result;
}

/** Which types are asked for where, in any branch of a union. */
function expectations(
  issue: z.core.$ZodIssue,
  base: Path,
): { readonly path: Path; readonly types: readonly string[] }[] {
  const path = [...base, ...(issue.path as Path)];
  if (issue.code === 'invalid_union') return issue.errors.flat().flatMap((inner) => expectations(inner, path));
  return [{ path, types: expectedTypes(issue) }];
}

function expectedTypes(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'invalid_type') return [issue.expected];
  return issue.code === 'invalid_value' ? issue.values.map((value) => typeof value) : [];
}

function asType(scalar: ScalarNode, type: string): string | number | boolean | undefined {
  const text = scalar.resolution?.value ?? scalar.text;
  const isTyped = scalar.style === 'plain' || scalar.resolution !== null;
  if (!isTyped || scalar.value === null) return undefined;
  if (type === 'string') return text;
  if (type === 'number' || type === 'int')
    return /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined;
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  return undefined;
}

function replaced(value: unknown, path: Path, leaf: unknown): unknown {
  const [head, ...rest] = path;
  if (head === undefined) return leaf;
  if (Array.isArray(value)) return value.map((item, i) => (i === head ? replaced(item, rest, leaf) : item));
  const copy: Record<string, unknown> = Object.assign(Object.create(null), value);
  copy[head] = replaced(copy[head], rest, leaf);
  return copy;
}

function reportIssue<T>(check: SchemaCheck<T>, node: TreeNode, issue: z.core.$ZodIssue): void {
  const { file, path: base, schema } = check;
  const path = [...base, ...(issue.path as Path)];
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) {
      if (file.isFull) break;
      reportUnknownKey(check, issue.path as Path, key);
    }
    return;
  }
  const at = nodeAt(node, issue.path as Path);
  if (at === undefined) {
    const parent = nodeAt(node, issue.path.slice(0, -1) as Path);
    if (parent?.kind === 'map' && !parent.isComplete) return;
    reportMissing(check, issue.path as Path);
    return;
  }
  if (file.isUnresolved(path)) return;
  if (issue.code === 'invalid_union') {
    const inner = likelyBranch(issue);
    if (inner !== undefined) {
      for (const sub of inner) reportIssue(check, node, { ...sub, path: [...issue.path, ...sub.path] });
      return;
    }
  }
  const name = label(issue.path as Path, check.owner);
  const { code, message, fix } = words(issue, at, path.length === 0 ? [] : keysAt(schema, issue.path as Path));
  const link = VERBS.test(message) ? ' ' : ': ';
  file.report({
    level: 'error',
    code,
    message: `${name}${link}${message}`,
    path,
    onKey: issue.code === 'invalid_key',
    ...(fix === undefined ? {} : { fix }),
  });
}

function reportUnknownKey<T>(
  { file, path, schema, owner, otherKeys = [] }: SchemaCheck<T>,
  at: Path,
  key: string,
): void {
  const known = [...(at.length === 0 ? otherKeys : []), ...keysAt(schema, at)];
  const whose = at.length === 0 ? owner : label(at);
  const suggestion = didYouMean(key, known);
  // A misspelt `password` holds one all the same.
  const meant = nearest(key, known);
  if (meant === undefined || secretPaths(schema).some((secret) => secret.at(-1) === meant))
    file.hideUnknown([...path, ...at, key]);
  const fix = suggestion ?? `it has: ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}`;
  const message = `${quoted(key)} is not a key of ${whose}`;
  file.report({ level: 'error', code: 'unknown-key', message, path: [...path, ...at, key], onKey: true, fix });
}

/** Unless a key beside it is a misspelling of it, which is reported as such. */
function reportMissing<T>({ file, path, schema, owner, otherKeys = [] }: SchemaCheck<T>, missing: Path): void {
  const key = String(missing.at(-1));
  const parent = missing.slice(0, -1);
  const known = [...(parent.length === 0 ? otherKeys : []), ...keysAt(schema, parent)];
  const at = [...path, ...parent];
  if (file.isMisspelt(key, at, known)) return;
  const message = `${parent.length > 0 ? label(parent) : owner} needs ${quoted(key)}`;
  file.report({ level: 'error', code: 'missing-key', message, path: at, fix: `add ${key}: …` });
}

/** The branch that the value was meant for: the one whose type fits. Undefined when none does. */
function likelyBranch(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] | undefined {
  const isOtherType = (sub: z.core.$ZodIssue) =>
    sub.path.length === 0 && (sub.code === 'invalid_type' || sub.code === 'invalid_value');
  return issue.errors.find((branch) => !branch.some(isOtherType));
}

interface Words {
  readonly code: string;
  readonly message: string;
  readonly fix?: string | undefined;
}

/** Messages that go on after the name of the field. */
const VERBS = /^(must|needs?|has|have|may|is|are|does|cannot)\b/;
/** How zod's own messages begin; others were written for the field and follow its name. */
const STANDARD_MESSAGE = /^(Invalid|Too small|Too big)\b/;

function words(issue: z.core.$ZodIssue, node: TreeNode, keys: readonly string[]): Words {
  if (!STANDARD_MESSAGE.test(issue.message)) return { code: 'invalid-value', message: issue.message };
  switch (issue.code) {
    case 'invalid_type':
      return {
        code: 'wrong-type',
        message: `must be ${typeName(issue.expected)}, not ${kindOf(node)}`,
        fix: typeFix(issue.expected, keys),
      };
    case 'invalid_union':
      return {
        code: 'wrong-type',
        message: `must be ${list(alternatives(issue))}, not ${kindOf(node)}`,
      };
    case 'invalid_value': {
      const values = issue.values.map((value) => (typeof value === 'string' ? `"${value}"` : String(value)));
      const written = node.kind === 'scalar' ? node.text : '';
      return {
        code: 'unknown-value',
        message: `must be ${list(values)}`,
        fix: didYouMean(written, issue.values.map(String)),
      };
    }
    case 'too_small':
      return { code: 'out-of-range', message: tooSmall(issue) };
    case 'too_big':
      return { code: 'out-of-range', message: `must be at most ${issue.maximum}` };
    case 'invalid_key':
      return { code: 'invalid-value', message: issue.issues[0]?.message ?? issue.message };
    case 'invalid_format':
      return { code: 'invalid-value', message: `is not a valid ${issue.format}` };
    default:
      return { code: 'invalid-value', message: issue.message };
  }
}

function alternatives(issue: z.core.$ZodIssueInvalidUnion): string[] {
  return issue.errors.flatMap((branch) =>
    branch.flatMap((sub) => (sub.code === 'invalid_value' ? sub.values.map(String) : expectedTypes(sub).map(typeName))),
  );
}

function tooSmall({ origin, minimum }: z.core.$ZodIssueTooSmall): string {
  if (origin === 'string') return minimum === 1 ? 'must not be empty' : `must have at least ${minimum} characters`;
  if (origin === 'array') return `needs at least ${minimum === 1 ? 'one entry' : `${minimum} entries`}`;
  return `must be at least ${minimum}`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a map',
  record: 'a map',
  array: 'a list',
};

function typeName(type: string): string {
  return TYPE_NAMES[type] ?? type;
}

function typeFix(expected: string, keys: readonly string[]): string | undefined {
  if (expected === 'object' && keys.length > 0) return `write ${keys[0]}: … below it`;
  return expected === 'array' ? 'write [a, b]' : undefined;
}

function kindOf(node: TreeNode): string {
  if (node.kind !== 'scalar') return node.kind === 'list' ? 'a list' : 'a map';
  if (node.value === null) return 'nothing';
  if (typeof node.value === 'boolean') return String(node.value);
  return TYPE_NAMES[typeof node.value]!;
}

function list(items: readonly string[]): string {
  const unique = [...new Set(items)];
  return unique.length < 2 ? (unique[0] ?? '') : `${unique.slice(0, -1).join(', ')} or ${unique.at(-1)}`;
}

/** `"tables[2]"`, `"batch.records"`; the owner itself for the empty path. */
export function label(path: Path, owner = ''): string {
  if (path.length === 0) return owner;
  const text = path.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${part}`)).join('');
  return quoted(text);
}
