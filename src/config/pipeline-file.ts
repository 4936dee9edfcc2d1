/** One pipeline file → plan. */
import { basename, extname } from 'node:path';
import type { PipelinePlan, SinkPlan, SourcePlan } from '../contracts/plan.ts';
import type { RuleTest } from '../contracts/rule-tests.ts';
import { quoted } from '../lib/printable.ts';
import { checkRoutes } from './check-routes.ts';
import { checkStage, stagedOf } from './check-stage.ts';
import type { ConfigFile } from './config-file.ts';
import { type ReadContext, readSink, readSource } from './parts.ts';
import { NAME, NAME_RULE, pipelineKeys } from './pipeline-keys.ts';
import { readTests } from './rule-tests.ts';
import { keysAt } from './schema-keys.ts';
import { checkSchema } from './schema-problems.ts';
import { readSteps } from './steps.ts';
import { declaredTables } from './tables.ts';
import { child, type MapNode, type Path, type TreeNode } from './tree.ts';

export interface PipelineFile {
  readonly plan: PipelinePlan;
  readonly tests: readonly RuleTest[];
}

/**
 * Reports every problem to the file. The plan is what could be understood, for the checks across files; it is whole only
 * when the file has no errors. Null when the file is no pipeline at all.
 */
export function readPipeline(context: ReadContext, path: string): PipelineFile | null {
  const { file } = context;
  const { root } = file;
  if (root === null || root.kind !== 'map') {
    if (!file.hasErrors) {
      const isEmpty = root === null || (root.kind === 'scalar' && root.value === null);
      const message = isEmpty ? 'the file is empty' : 'a pipeline file is a map of keys';
      file.report({ level: 'error', code: 'no-pipeline', message, path: [], fix: 'write source: and sink:' });
    }
    return null;
  }
  const keys = checkSchema({ schema: pipelineKeys, file, path: [], node: root, owner: 'a pipeline file' });
  const name = pipelineName(context, path, root, keys?.name);
  const transform = readSteps(context, ['transform'], child(root, 'transform'));
  const sourceParts = parts(context, root, 'source');
  const renamed = keys?.renamed_from === undefined ? {} : { renamedFrom: keys.renamed_from };
  // A source without a name of its own is called as the pipeline was.
  const sources: (SourcePlan | null)[] = sourceParts.map((part) => {
    const source = readSource(context, part.name ?? name, part);
    return source === null || part.name !== null ? source : { ...renamed, ...source };
  });
  const declared = sourceParts.map(({ path: at, node }) =>
    declaredTables(file, [...at, 'tables'], child(node, 'tables')),
  );
  // Names in `from` are judged only when all tables are known.
  const tables = declared.includes(null) || declared.length === 0 ? null : declared.flatMap((names) => names!);
  const sinkParts = parts(context, root, 'sink');
  const sinks: (SinkPlan | null)[] = sinkParts.map((part) =>
    file.isFull ? null : readSink(context, part.name ?? 'sink', part, tables),
  );
  const plan = {
    name,
    ...renamed,
    file: path,
    sources: sources.filter((source) => source !== null),
    transform,
    ...stagedOf(context, transform),
    sinks: sinks.filter((sink) => sink !== null),
  };
  checkRoutes(context, plan);
  if (plan.staged !== undefined) checkStage(context, transform, plan.sinks, tables);
  return { plan, tests: readTests(file, keys?.tests ?? []) };
}

function pipelineName({ file }: ReadContext, path: string, root: MapNode, given: string | undefined): string {
  if (given !== undefined) return given;
  const fromFile = basename(path, extname(path));
  if (child(root, 'name') === undefined && !NAME.test(fromFile)) {
    const message = `the file's name cannot be the pipeline's: a name ${NAME_RULE}`;
    file.report({ level: 'error', code: 'missing-key', message, path: [], fix: 'add name: …' });
  }
  return fromFile;
}

/** One source or sink as it stands in the file. The name is null for the only one. */
export interface PartNode {
  readonly name: string | null;
  readonly path: Path;
  readonly node: TreeNode;
}

/** What stands under `source:` or `sources:` (`sink:`, `sinks:`). */
function parts({ file }: ReadContext, root: MapNode, kind: 'source' | 'sink'): PartNode[] {
  const many = `${kind}s`;
  const one = child(root, kind);
  const map = child(root, many);
  const error = (code: string, message: string, path: Path, fix: string) =>
    file.report({ level: 'error', code, message, path, onKey: path.length > 0, fix });
  if (one !== undefined && map !== undefined) {
    const fix = `put all of them under ${many}:, each with a name`;
    error('conflicting-keys', `"${kind}" and "${many}" cannot both be there`, [many], fix);
  } else if (one === undefined && map === undefined && !isMisspelt(file, kind) && !isMisspelt(file, many)) {
    error('missing-key', `a pipeline needs "${kind}" or "${many}"`, [], `add ${kind}: with its type: below it`);
  }
  const single = one === undefined ? [] : [{ name: null, path: [kind], node: one }];
  if (map === undefined || file.isUnresolved([many])) return single;
  if (kind === 'sink' && map.kind === 'map' && map.entries.length === 0 && map.isComplete) return single;
  if (map.kind !== 'map' || map.entries.length === 0) {
    const message = `"${many}" must be a map from name to ${kind}`;
    error('wrong-type', message, [many], `write a name and a colon before each ${kind}, or use ${kind}: for one`);
    return single;
  }
  for (const { key } of map.entries) {
    if (!NAME.test(key) && !key.includes('${'))
      error('invalid-value', `the name ${quoted(key)} ${NAME_RULE}`, [many, key], 'choose another');
  }
  return map.entries.map(({ key, value }) => ({ name: key, path: [many, key], node: value }));
}

function isMisspelt(file: ConfigFile, key: string): boolean {
  return file.isMisspelt(key, [], keysAt(pipelineKeys, []));
}
