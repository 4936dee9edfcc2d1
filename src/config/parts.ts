/** A source or sink of a pipeline file → plan. Keys common to all connectors stand beside the connector's own. */
import { resolve } from 'node:path';
import type { z } from 'zod';
import type { SinkPlan, SourcePlan } from '../contracts/plan.ts';
import type { SinkManifest } from '../contracts/plugin.ts';
import type { Registry } from '../contracts/registry.ts';
import { didYouMean, nearest } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import type { ConfigFile } from './config-file.ts';
import type { PartNode } from './pipeline-file.ts';
import { sinkKeys, sourceKeys } from './pipeline-keys.ts';
import { filePaths, keysAt } from './schema-keys.ts';
import { checkSchema, label } from './schema-problems.ts';
import { readSteps } from './steps.ts';
import { readFrom, readTables } from './tables.ts';
import { child, type MapNode, type Path } from './tree.ts';

export interface ReadContext {
  readonly file: ConfigFile;
  /** Directory of the file: relative paths in it start here. */
  readonly dir: string;
  readonly registry: Registry;
  readonly maskKey: string | null;
}

interface Manifest {
  readonly type: string;
  readonly config: z.ZodType;
}

const sourceKeysBesideType = sourceKeys.omit({ type: true });
const sinkKeysBesideType = sinkKeys.omit({ type: true });

export function readSource(context: ReadContext, name: string, part: PartNode): SourcePlan | null {
  const { registry } = context;
  const node = asMap(context, part);
  if (node === null) return null;
  const { path } = part;
  const manifest = findManifest(context, 'source', part, (type) => registry.source(type));
  const common = commonKeys(context, sourceKeysBesideType, 'source', manifest, path, node);
  const config = ownKeys(context, sourceKeys, 'source', manifest, path, node);
  const patterns = manifest === undefined ? null : manifest.tables !== undefined;
  const tables = readTables(context.file, [...path, 'tables'], child(node, 'tables'), patterns);
  const transform = readSteps(context, [...path, 'transform'], child(node, 'transform'));
  if (manifest === undefined || common === undefined || config === undefined || tables === null) return null;
  const { snapshot, on_gap: onGap, renamed_from: renamedFrom } = common;
  const named = { name, ...(renamedFrom === undefined ? {} : { renamedFrom }) };
  return { ...named, manifest, config: config.value, tables, snapshot, onGap, transform, path };
}

/** @param tables of all sources of the pipeline; null when they are not known. */
export function readSink(
  context: ReadContext,
  name: string,
  part: PartNode,
  tables: readonly string[] | null,
): SinkPlan | null {
  const { registry } = context;
  const node = asMap(context, part);
  if (node === null) return null;
  const { path } = part;
  const manifest = findManifest(context, 'sink', part, (type) => registry.sink(type));
  const common = commonKeys(context, sinkKeysBesideType, 'sink', manifest, path, node);
  const config = ownKeys(context, sinkKeys, 'sink', manifest, path, node);
  const from = readFrom(context.file, [...path, 'from'], child(node, 'from'), tables);
  const transform = readSteps(context, [...path, 'transform'], child(node, 'transform'));
  if (manifest === undefined || common === undefined || config === undefined) return null;
  const batch = { maxRecords: common.batch.records, maxBytes: common.batch.bytes };
  const maxDeadLettersPerMinute = common.max_dead_letters_per_minute;
  const { dead_letters: deadLetters, rate, consistency, renamed_from: renamedFrom, verify } = common;
  if (consistency === 'transactional') checkTransactional(context, path, manifest, deadLetters);
  if (verify !== undefined) checkVerifiable(context, path, manifest);
  return {
    name,
    ...(renamedFrom === undefined ? {} : { renamedFrom }),
    manifest: { ...manifest, keeps: manifest.keepsFor?.(config.value) ?? manifest.keeps },
    config: config.value,
    from,
    transform,
    batch,
    maxDeadLettersPerMinute,
    ...(deadLetters === undefined ? {} : { deadLetters }),
    ...(rate === undefined ? {} : { rate }),
    ...(consistency === undefined ? {} : { consistency }),
    ...(verify === undefined ? {} : { verify: { everyMs: verify.every, rate: verify.rate } }),
    path,
  };
}

function checkTransactional(
  { file }: ReadContext,
  path: PartNode['path'],
  { type, isAtomic }: SinkManifest,
  deadLetters: string | undefined,
): void {
  if (isAtomic !== true) {
    const message = `a ${type} sink cannot be transactional: its target shows each write by itself`;
    const fix = 'remove the line, or write to a SQL database';
    file.report({ level: 'error', code: 'invalid-value', message, path: [...path, 'consistency'], fix });
  }
  if (deadLetters !== undefined && deadLetters !== 'stop') {
    const message = `a transactional sink cannot leave records aside: dead_letters: ${deadLetters}`;
    const fix = 'write dead_letters: stop, or remove the line';
    file.report({ level: 'error', code: 'invalid-value', message, path: [...path, 'dead_letters'], fix });
  }
}

function checkVerifiable({ file }: ReadContext, path: PartNode['path'], { type, inspect }: SinkManifest): void {
  if (inspect !== undefined) return;
  const message = `a ${type} sink cannot be compared with its source: what it holds cannot be read`;
  file.report({
    level: 'error',
    code: 'invalid-value',
    message,
    path: [...path, 'verify'],
    fix: 'remove the line',
  });
}

function asMap({ file }: ReadContext, { node, path }: PartNode): MapNode | null {
  if (node.kind === 'map') return node;
  if (file.isUnresolved(path)) return null;
  const message = `${label(path)} must be a map with a type`;
  file.report({ level: 'error', code: 'wrong-type', message, path, onKey: true, fix: 'write type: … below it' });
  return null;
}

type Kind = 'source' | 'sink';

function findManifest<M extends Manifest>(
  { file, registry }: ReadContext,
  kind: Kind,
  { path, node }: PartNode,
  find: (type: string) => M | undefined,
): M | undefined {
  const types = kind === 'source' ? registry.sourceTypes : registry.sinkTypes;
  const known = types.join(', ');
  const type = child(node, 'type');
  if (type === undefined) {
    if (node.kind === 'map' && reportMisspeltType(file, kind, path, node)) return undefined;
    const message = `a ${kind} needs "type"`;
    file.report({ level: 'error', code: 'missing-key', message, path, fix: `add type: with one of ${known}` });
    return undefined;
  }
  const at = [...path, 'type'];
  if (file.isUnresolved(at)) return undefined;
  const text = type.kind === 'scalar' ? (type.resolution?.value ?? type.text) : '';
  const manifest = find(text);
  if (manifest !== undefined) return manifest;
  const other = kind === 'source' ? registry.sink(text) : registry.source(text);
  const message = other === undefined ? `there is no ${kind} ${quoted(text)}` : `${quoted(text)} is not a ${kind}`;
  const fix = didYouMean(text, types) ?? `${kind} types: ${known}`;
  file.report({ level: 'error', code: 'unknown-type', message, path: at, fix });
  return undefined;
}

/** Without a type the other keys cannot be judged, but one may be the type. */
function reportMisspeltType(file: ConfigFile, kind: Kind, path: Path, { entries, isComplete }: MapNode): boolean {
  if (!isComplete) return true;
  const entry = entries.find(({ key }) => nearest(key, ['type']) !== undefined);
  if (entry === undefined) return false;
  const message = `${quoted(entry.key)} is not a key of a ${kind}`;
  const fix = 'did you mean "type"?';
  file.report({ level: 'error', code: 'unknown-key', message, path: [...path, entry.key], onKey: true, fix });
  return true;
}

/** `a postgres source`, `an elasticsearch sink`. */
function owner(kind: Kind, manifest: Manifest | undefined): string {
  if (manifest === undefined) return `a ${kind}`;
  return `${/^[aeiou]/i.test(manifest.type) ? 'an' : 'a'} ${manifest.type} ${kind}`;
}

function commonKeys<T>(
  { file }: ReadContext,
  schema: z.ZodType<T>,
  kind: Kind,
  manifest: Manifest | undefined,
  path: Path,
  node: MapNode,
): T | undefined {
  const keys = new Set(keysAt(schema, []));
  const common: MapNode = { ...node, entries: node.entries.filter(({ key }) => keys.has(key)) };
  const otherKeys = manifest === undefined ? [] : keysAt(manifest.config, []);
  return checkSchema({ schema, file, path, node: common, owner: owner(kind, manifest), otherKeys });
}

/** The connector's own configuration; what is neither its key nor a common one is reported here. */
function ownKeys(
  { file, dir }: ReadContext,
  common: z.ZodType,
  kind: Kind,
  manifest: Manifest | undefined,
  path: Path,
  node: MapNode,
): { readonly value: unknown } | undefined {
  if (manifest === undefined) return undefined;
  const { config: schema } = manifest;
  const otherKeys = keysAt(common, []);
  const value = checkSchema({ schema, file, path, node, owner: owner(kind, manifest), otherKeys });
  if (value === undefined) return undefined;
  return { value: filePaths(schema).reduce<unknown>((config, at) => withAbsolutePath(config, at, dir), value) };
}

/** A relative path in a pipeline file starts at the file, wherever the command is started. */
function withAbsolutePath(config: unknown, at: Path, dir: string): unknown {
  const [head, ...rest] = at;
  if (head === undefined) return typeof config === 'string' ? resolve(dir, config) : config;
  if (typeof config !== 'object' || config === null || !Object.hasOwn(config, head)) return config;
  const map = config as Readonly<Record<string, unknown>>;
  return { ...map, [head]: withAbsolutePath(map[String(head)], rest, dir) };
}
