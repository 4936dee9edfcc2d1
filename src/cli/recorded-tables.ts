/**
 * Columns of the captured tables, recorded by `check --record` in a file beside `tailrace.yaml` and held against the rules by
 * `lint`, which asks no server. Names and types alone: the file may be kept with the pipelines.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { PlacedProblem, Project } from '../config/index.ts';
import type { App } from '../contracts/app.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { PipelinePlan, SourcePlan } from '../contracts/plan.ts';
import type { TableDescription } from '../contracts/schema.ts';
import { isPattern, matchesName } from '../lib/name-pattern.ts';
import { printable, quoted } from '../lib/printable.ts';

export const RECORD_FILE = 'tailrace.tables.json';
const MAX_BYTES = 64 << 20;

interface TableRecord {
  readonly v: 1;
  readonly tables: readonly TableDescription[];
}

/** Where the settings of a pipeline file are, or would be. */
function homeOf({ file }: PipelinePlan): string {
  const dir = dirname(file);
  return basename(dir) === 'pipelines' ? dirname(dir) : dir;
}

/** Writes what the sources describe. @returns the files */
export async function recordTables(project: Project, tables: readonly TableDescription[]): Promise<string[]> {
  const homes = Map.groupBy(project.pipelines, homeOf);
  const files: string[] = [];
  for (const [home, pipelines] of homes) {
    const sources = new Set(pipelines.flatMap((pipeline) => pipeline.sources.map(({ name }) => name)));
    const own = tables.filter(({ source }) => sources.has(source)).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    const record: TableRecord = { v: 1, tables: own };
    const path = join(home, RECORD_FILE);
    await writeFile(path, `${JSON.stringify(record, null, 2)}\n`).catch((error: NodeJS.ErrnoException) => {
      throw new TailraceError('config.invalid', `cannot write ${printable(path)}: ${error.code}`, {
        remedy: 'let the user that runs tailrace write there',
      });
    });
    files.push(path);
  }
  return files;
}

/** What is wrong for the recorded tables; nothing where none were recorded. @throws `config.invalid` */
export async function lintRecorded(project: Project, { lintTables }: App, cwd: string): Promise<PlacedProblem[]> {
  const problems: PlacedProblem[] = [];
  const records = new Map<string, readonly TableDescription[] | null>();
  for (const pipeline of project.pipelines) {
    const home = homeOf(pipeline);
    if (!records.has(home)) records.set(home, await readRecord(join(home, RECORD_FILE), cwd));
    const recorded = records.get(home)!;
    if (recorded === null) continue;
    const tables = pipeline.sources.map((source) => tablesOf(source, recorded));
    const missing = pipeline.sources.flatMap((source, i) => missingTables(source, tables[i]!));
    for (const { path, message } of missing) {
      const problem = { level: 'warning', code: 'not-recorded', message, path } as const;
      problems.push(project.place(pipeline.name, { ...problem, fix: 'tailrace check --record' }));
    }
    if (missing.length > 0) continue;
    const found = await lintTables(pipeline, tables.flat());
    problems.push(...found.map((problem) => project.place(pipeline.name, problem)));
  }
  return problems;
}

async function readRecord(path: string, cwd: string): Promise<readonly TableDescription[] | null> {
  const shown = printable(relative(cwd, path));
  const unusable = (why: string) =>
    new TailraceError('config.invalid', `${shown} ${why}`, { remedy: 'make it anew: tailrace check --record' });
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw unusable(`cannot be read: ${error.code}`);
  });
  if (text === null) return null;
  if (text.length > MAX_BYTES) throw unusable('is too large');
  try {
    const { v, tables } = JSON.parse(text) as TableRecord;
    if (v === 1 && tables.every(isTable)) return tables;
  } catch {
    // As one of another version.
  }
  throw unusable('holds no record of tables that this version can read');
}

function isTable(value: Partial<TableDescription> | null): boolean {
  const { source, schema, table, columns } = value ?? {};
  if ([source, schema, table].some((one) => typeof one !== 'string') || !Array.isArray(columns)) return false;
  return columns.every((column: { name?: unknown; kind?: unknown; native?: unknown } | null) =>
    [column?.name, column?.kind, column?.native].every((one) => typeof one === 'string'),
  );
}

function nameOf({ source, schema, table }: TableDescription): string {
  return `${source} ${schema}.${table}`;
}

/** A table that is in the record and not in the file any more is not judged. */
function tablesOf({ name, tables }: SourcePlan, recorded: readonly TableDescription[]): readonly TableDescription[] {
  return recorded.filter(
    ({ source, schema, table }) =>
      source === name && tables.some((written) => matchesName(written, `${schema}.${table}`)),
  );
}

function missingTables({ tables, path }: SourcePlan, recorded: readonly TableDescription[]) {
  return tables.flatMap((written, i) => {
    const isThere = recorded.some(({ schema, table }) => matchesName(written, `${schema}.${table}`));
    if (isThere || isPattern(written)) return [];
    const message = `${quoted(written)} is not in ${RECORD_FILE}: its columns are not known, and the rules are not held against any`;
    return [{ path: [...path, 'tables', i], message }];
  });
}
