/** What is wrong between parts and files that are right by themselves. */
import type { PipelinePlan, SinkPlan, SourcePlan } from '../contracts/plan.ts';
import { quoted } from '../lib/printable.ts';
import { checkRenames } from './check-renames.ts';
import type { ConfigFile } from './config-file.ts';
import type { Path } from './tree.ts';

export interface ReadPipeline {
  readonly file: ConfigFile;
  readonly plan: PipelinePlan;
}

/** Problems go to the file that comes second. */
export function checkAcross(pipelines: readonly ReadPipeline[]): void {
  const repeated = checkPipelineNames(pipelines);
  checkSourceNames(pipelines.filter((pipeline) => !repeated.has(pipeline)));
  checkCapturedTwice(pipelines);
  checkTargets(pipelines);
  checkUnsentColumns(pipelines);
  checkRenames(pipelines);
}

/** Only whole rows may be left alone by compaction. */
function checkUnsentColumns(pipelines: readonly ReadPipeline[]): void {
  for (const { file, plan } of pipelines) {
    for (const { name, manifest, config, path } of plan.sources) {
      if (manifest.rehydrates?.(config) !== false) continue;
      const message = `updates of ${quoted(name)} may come without columns: the topics of such tables are not compacted, and a sink that is added later gets no rows that are older than their retention`;
      const fix = 'have the source fill in what updates leave out (toast: store)';
      file.report({ level: 'warning', code: 'unsent-columns', message, path, fix });
    }
  }
}

function checkPipelineNames(pipelines: readonly ReadPipeline[]): Set<ReadPipeline> {
  const first = new Map<string, ReadPipeline>();
  const repeated = new Set<ReadPipeline>();
  for (const pipeline of pipelines) {
    const { file, plan } = pipeline;
    const other = first.get(plan.name);
    first.set(plan.name, other ?? pipeline);
    if (other === undefined) continue;
    repeated.add(pipeline);
    const message = `the pipeline name ${quoted(plan.name)} is already used in ${where(other.file, ['name'])}`;
    file.report({
      level: 'error',
      code: 'duplicate-name',
      message,
      path: ['name'],
      fix: 'write name: with another name',
    });
  }
  return repeated;
}

/** Names of slots have no capitals and no dashes: names that differ only there are one. */
function checkSourceNames(pipelines: readonly ReadPipeline[]): void {
  const first = new Map<string, readonly [ConfigFile, SourcePlan]>();
  for (const { file, plan } of pipelines) {
    for (const source of plan.sources) {
      const key = source.name.toLowerCase().replaceAll('-', '_');
      const other = first.get(key);
      first.set(key, other ?? [file, source]);
      if (other === undefined) continue;
      const same =
        other[1].name === source.name ? '' : ` (as ${quoted(other[1].name)}; capitals and - or _ make no difference)`;
      const message = `the source name ${quoted(source.name)} is already used in ${where(other[0], other[1].path)}${same}`;
      const fix = 'source names are unique in an instance: choose another';
      file.report({ level: 'error', code: 'duplicate-name', message, path: source.path, onKey: true, fix });
    }
  }
}

function checkCapturedTwice(pipelines: readonly ReadPipeline[]): void {
  const first = new Map<string, readonly [ConfigFile, SourcePlan]>();
  for (const { file, plan } of pipelines) {
    for (const source of plan.sources) {
      const place = `${source.manifest.type} ${stableJson(source.config)}`;
      const again = source.tables.filter((table) => (first.get(`${place} ${table}`)?.[1] ?? source) !== source);
      const other = first.get(`${place} ${again[0]}`);
      for (const table of source.tables) {
        const key = `${place} ${table}`;
        first.set(key, first.get(key) ?? [file, source]);
      }
      if (other === undefined) continue;
      const more = again.length === 1 ? ' is' : ` and ${again.length - 1} more are`;
      const by = `${quoted(other[1].name)} in ${where(other[0], other[1].path)}`;
      const message = `${quoted(again[0]!)}${more} already captured by ${by}`;
      const fix = 'one source can feed many sinks: put them into one pipeline';
      const path = [...source.path, 'tables', source.tables.indexOf(again[0]!)];
      file.report({ level: 'warning', code: 'captured-twice', message, path, fix });
    }
  }
}

interface Writer {
  readonly file: ConfigFile;
  readonly sink: SinkPlan;
  readonly source: string;
  readonly table: string;
}

/** Two writers of one place undo each other's deletes, sweeps and version guards. */
function checkTargets(pipelines: readonly ReadPipeline[]): void {
  const first = new Map<string, Writer>();
  const reported = new Set<SinkPlan>();
  for (const { file, plan } of pipelines) {
    for (const sink of plan.sinks) {
      for (const writer of writersOf(file, plan, sink)) {
        const key = `${sink.manifest.type} ${writer.target}`;
        const other = first.get(key);
        first.set(key, other ?? writer);
        if (other === undefined || reported.has(sink)) continue;
        // An append-only sink may collect many tables in one place.
        if (other.sink === sink && sink.manifest.keeps === 'append') continue;
        reported.add(sink);
        reportShared(file, writer, other);
      }
    }
  }
}

function writersOf(file: ConfigFile, plan: PipelinePlan, sink: SinkPlan): (Writer & { readonly target: string })[] {
  const takes = (table: string) => sink.from?.some((name) => name === table || table.endsWith(`.${name}`)) ?? true;
  return plan.sources.flatMap((source) => {
    const tables = [...new Set(source.tables.filter(takes))];
    const targets =
      sink.manifest.targets?.(sink.config, tables) ?? tables.map((table) => `${stableJson(sink.config)} ${table}`);
    return tables.map((table, i) => ({ file, sink, source: source.name, table, target: targets[i] ?? table }));
  });
}

function reportShared(file: ConfigFile, writer: Writer, other: Writer): void {
  const { sink, table, source } = writer;
  const fix = 'give each its own place (another table, index, key or path)';
  const otherTable = `${quoted(other.table)}${other.source === source ? '' : ` of ${quoted(other.source)}`}`;
  const message =
    other.sink === sink
      ? `${otherTable} and ${quoted(table)} would be written to the same place`
      : `the sink ${quoted(other.sink.name)} in ${where(other.file, other.sink.path)} already writes ${otherTable} to the same place`;
  file.report({ level: 'error', code: 'shared-target', message, path: sink.path, onKey: true, fix });
}

function where(file: ConfigFile, path: Path): string {
  return `${file.name}:${file.line(path)}`;
}

/** Equal for equal values, whatever the order of keys. Only compared, never shown (Invariant 12). */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
