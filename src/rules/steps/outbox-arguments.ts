/** What stands under `outbox:`, read and judged. */
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import { tableNames } from './arguments.ts';
import type { StepUse } from './step.ts';

export const EXAMPLE =
  'outbox: { topic: "events.{aggregate_type}", key: aggregate_id, value: payload, headers: [type] }';
const KEYS: readonly string[] = ['table', 'topic', 'key', 'value', 'headers', 'id'];
const DEFAULT_ID = 'id';
/** Header with what tells a repeated message. */
const ID_HEADER = 'id';
/** Tailrace's own headers, and the topics that it keeps for itself. */
const OWN_HEADER = /^tr-/;
const OWN_TOPIC = '__';

export interface TopicPart {
  readonly text: string;
  /** `text` is the name of a column, whose value stands here. */
  readonly isColumn: boolean;
}

export interface OutboxArguments {
  /** Null: every table. */
  readonly tables: readonly string[] | null;
  readonly topic: readonly TopicPart[];
  /** Null: messages have no key. */
  readonly key: string | null;
  readonly value: string;
  /** Names of headers and their columns, in order. */
  readonly headers: readonly (readonly [name: string, column: string])[];
}

/** A column that is named, and where. */
export interface NamedAt {
  readonly name: string;
  readonly at: readonly (string | number)[];
}

/** Reports what is wrong; null: something is. */
export function outboxArguments(use: StepUse): OutboxArguments | null {
  const { config } = use;
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    use.problem('step-argument', 'a map must stand here', { fix: `for example ${EXAMPLE}` });
    return null;
  }
  const given = config as Readonly<Record<string, unknown>>;
  const before = use.stage.problems.length;
  for (const key of Object.keys(given)) if (!KEYS.includes(key)) unknownKey(use, key);
  const tables = 'table' in given ? tableNames(use, given.table, ['table']) : null;
  const topic = topicParts(use, given.topic);
  const key = 'key' in given ? column(use, given.key, 'key') : null;
  const value = column(use, given.value, 'value');
  const id = 'id' in given ? column(use, given.id, 'id') : DEFAULT_ID;
  const headers = headerColumns(use, given.headers ?? []);
  if (use.stage.problems.length > before) return null;
  return { tables, topic, key, value: value!, headers: [[ID_HEADER, id!], ...headers] };
}

/** Every column that it names. */
export function namedColumns({ config }: StepUse, { topic, key, value, headers }: OutboxArguments): NamedAt[] {
  const given = config as { readonly headers?: unknown };
  const [[, id], ...others] = headers as [readonly [string, string], ...(readonly [string, string])[]];
  return [
    ...topic.filter(({ isColumn }) => isColumn).map(({ text }) => ({ name: text, at: ['topic'] })),
    ...(key === null ? [] : [{ name: key, at: ['key'] }]),
    { name: value, at: ['value'] },
    { name: id, at: Object.hasOwn(given, 'id') ? ['id'] : [] },
    ...others.map(([header, name], i) => ({ name, at: ['headers', Array.isArray(given.headers) ? i : header] })),
  ];
}

function unknownKey(use: StepUse, key: string): void {
  const fix = didYouMean(key, KEYS) ?? `there are ${KEYS.join(', ')}`;
  use.problem('unknown-key', `"outbox" has no ${quoted(key)}`, { at: [key], onKey: true, fix });
}

function column(use: StepUse, given: unknown, key: string): string | null {
  if (typeof given === 'string' && given !== '') return given;
  const at = given === undefined ? [] : [key];
  const message = given === undefined ? `"outbox" needs "${key}"` : 'the name of a column must stand here';
  use.problem('step-argument', message, { at, fix: `for example ${EXAMPLE}` });
  return null;
}

function topicParts(use: StepUse, given: unknown): TopicPart[] {
  const error = (message: string, fix = `for example ${EXAMPLE}`) => {
    use.problem('step-argument', message, { at: given === undefined ? [] : ['topic'], fix });
    return [];
  };
  if (given === undefined) return error('"outbox" needs "topic"');
  if (typeof given !== 'string' || given === '') return error('the name of a topic must stand here');
  // Odd places hold what stood in braces.
  const parts = given
    .split(/\{([^{}]*)\}/)
    .map((text, i) => ({ text, isColumn: i % 2 === 1 }))
    .filter(({ text, isColumn }) => isColumn || text !== '');
  if (parts.some(({ text, isColumn }) => isColumn && text === '')) return error('a column must stand between braces');
  if (parts.some(({ text, isColumn }) => !isColumn && /[{}]/.test(text)))
    return error('a brace is not closed, or not opened', 'a column stands in braces: {aggregate_type}');
  if (parts[0]!.text.startsWith(OWN_TOPIC))
    return error('topics that begin with __ are for Tailrace itself', 'choose another name');
  return parts;
}

function headerColumns(use: StepUse, given: unknown): (readonly [string, string])[] {
  const entries: readonly (readonly [unknown, unknown])[] = Array.isArray(given)
    ? given.map((name: unknown) => [name, name] as const)
    : typeof given === 'object' && given !== null
      ? Object.entries(given)
      : [[undefined, undefined]];
  const names = new Set([ID_HEADER]);
  return entries.flatMap(([name, from], i) => {
    const at = Array.isArray(given) ? ['headers', i] : name === undefined ? ['headers'] : ['headers', String(name)];
    const error = (code: string, message: string, fix: string) => {
      use.problem(code, message, { at, fix });
      return [];
    };
    if (typeof name !== 'string' || name === '' || typeof from !== 'string' || from === '')
      return error('step-argument', 'columns must stand here', 'for example headers: [type], or { event: type }');
    if (OWN_HEADER.test(name))
      return error('step-argument', 'headers that begin with tr- are for Tailrace itself', 'name it otherwise');
    if (names.has(name)) {
      const fix = name === ID_HEADER ? 'the column of id: is that header already' : 'leave one of them out';
      return error('step-argument', `there would be two headers ${quoted(name)}`, fix);
    }
    names.add(name);
    return [[name, from] as const];
  });
}
