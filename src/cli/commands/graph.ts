import type { PipelinePlan, SinkPlan } from '../../contracts/plan.ts';
import type { StepSource } from '../../contracts/rules.ts';
import { printable } from '../../lib/printable.ts';
import type { AnswerCommand } from '../command.ts';
import { counted } from '../format.ts';
import { problemsError } from '../problems.ts';
import type { Style } from '../style.ts';
import { PATHS_DETAILS } from './lint.ts';

export const graph: AnswerCommand = {
  kind: 'answer',
  name: 'graph',
  summary: 'draw pipelines: sources, steps with their numbers, sinks',
  arguments: '[path…]',
  details: PATHS_DETAILS,
  options: { mermaid: { type: 'boolean', summary: 'as a Mermaid flowchart' } },
  maxWords: Number.POSITIVE_INFINITY,
  async run({ words, io, app, options }) {
    const [{ loadProject }, { registry }] = await Promise.all([import('../../config/index.ts'), app()]);
    const { pipelines, problems } = await loadProject({ paths: words, cwd: io.cwd, env: io.env, registry });
    const errors = problems.filter(({ level }) => level === 'error');
    if (errors.length > 0) throw problemsError(errors);
    const mermaid = mermaidText(pipelines);
    return {
      exitCode: 0,
      summary: counted(pipelines.length, 'pipeline'),
      result: { pipelines: pipelines.map(shape), mermaid },
      text: (style) => (options.mermaid === true ? mermaid : pipelines.map((one) => treeText(one, style)).join('\n')),
    };
  },
};

/** Of the stage of its own that the pipeline has. Empty: it has none. */
function stagedOf({ transform, staged = 0 }: PipelinePlan): string[] {
  return verbs(transform.slice(0, staged));
}

/** Numbered as `tap --step` counts them. */
function stepsOf({ transform, staged = 0 }: PipelinePlan, sink: SinkPlan): string[] {
  return [...transform.slice(staged), ...sink.transform].map(({ verb }, i) => `${i + 1} ${verb}`);
}

function shape(pipeline: PipelinePlan) {
  return {
    name: pipeline.name,
    sources: pipeline.sources.map(({ name, manifest, tables, transform }) => ({
      name,
      type: manifest.type,
      tables,
      steps: verbs(transform),
    })),
    stage: stagedOf(pipeline),
    sinks: pipeline.sinks.map((sink) => ({
      name: sink.name,
      type: sink.manifest.type,
      from: sink.from,
      steps: stepsOf(pipeline, sink),
    })),
  };
}

function verbs(steps: readonly StepSource[]): string[] {
  return steps.map(({ verb }) => verb);
}

function treeText(pipeline: PipelinePlan, { paint, signs }: Style): string {
  const sources = pipeline.sources.map(({ name, manifest, tables, transform }) => {
    const steps = transform.length === 0 ? '' : `    before the log: ${verbs(transform).map(printable).join(', ')}\n`;
    return `  ${printable(name)}  ${manifest.type}  ${tables.map(printable).join(', ')}\n${steps}`;
  });
  const staged = stagedOf(pipeline);
  const stage = staged.length === 0 ? '' : `  ${signs.arrow} stage  ${staged.map(printable).join(', ')}\n`;
  const sinks = pipeline.sinks.map((sink) => {
    const from = sink.from === null ? '' : `  from ${sink.from.map(printable).join(', ')}`;
    const steps = stepsOf(pipeline, sink).map((step) => `    step ${printable(step)}\n`);
    return `  ${signs.arrow} ${printable(sink.name)}  ${sink.manifest.type}${from}\n${steps.join('')}`;
  });
  return `${paint('bold', printable(pipeline.name))}\n${[...sources, stage, ...sinks].join('')}`;
}

function mermaidText(pipelines: readonly PipelinePlan[]): string {
  const lines = ['flowchart LR'];
  for (const [p, pipeline] of pipelines.entries()) {
    lines.push(`  subgraph p${p}[${label(pipeline.name)}]`, `    p${p}log[(${label('log')})]`);
    for (const [s, { name, manifest, transform }] of pipeline.sources.entries()) {
      const edge = transform.length === 0 ? '-->' : `-- ${label(verbs(transform).join(', '))} -->`;
      lines.push(`    p${p}s${s}[${label(`${name} (${manifest.type})`)}] ${edge} p${p}log`);
    }
    const staged = stagedOf(pipeline);
    if (staged.length > 0)
      lines.push(`    p${p}log -- ${label(staged.join(', '))} --> p${p}stage[(${label('log, behind the stage')})]`);
    const read = staged.length > 0 ? 'stage' : 'log';
    for (const [t, sink] of pipeline.sinks.entries()) {
      const steps = stepsOf(pipeline, sink);
      const edge = steps.length === 0 ? '-->' : `-- ${label(steps.join(', '))} -->`;
      lines.push(`    p${p}${read} ${edge} p${p}t${t}[${label(`${sink.name} (${sink.manifest.type})`)}]`);
    }
    lines.push('  end');
  }
  return `${lines.join('\n')}\n`;
}

/** Mermaid has entities for what ends a label. */
function label(text: string): string {
  return `"${printable(text).replaceAll('&', '&amp;').replaceAll('"', '#quot;').replaceAll('<', '&lt;')}"`;
}
