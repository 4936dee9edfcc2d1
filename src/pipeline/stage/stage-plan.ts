/**
 * Which steps of a pipeline run in a stage of its own, and where its sinks read then:
 *
 *     topics of the sources ─▶ stage: steps up to the last that looks at other rows ─▶ topics of the stage ─▶ sinks: the rest
 */
import type { Envelope } from '../../contracts/envelope.ts';
import type { PipelinePlan, SinkPlan } from '../../contracts/plan.ts';
import type { StepSource } from '../../contracts/rules.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import { tableTopic } from '../table-topic.ts';

type Staged = Pick<PipelinePlan, 'name' | 'transform' | 'staged'>;

export const isStaged = ({ staged = 0 }: Pick<PipelinePlan, 'staged'>) => staged > 0;

/** Run before the topics that the sinks read. */
export const stagedSteps = ({ transform, staged = 0 }: Staged): readonly StepSource[] => transform.slice(0, staged);

/** Run by the sink. */
export const stepsOfSink = (pipeline: Staged, sink: Pick<SinkPlan, 'transform'>): readonly StepSource[] => [
  ...pipeline.transform.slice(pipeline.staged ?? 0),
  ...sink.transform,
];

/** What the names of the topics begin with in which the sinks find the tables of a source, and their schemas. */
export const readFrom = (pipeline: Staged, source: string): string =>
  isStaged(pipeline) ? `__tailrace_stage.${pipeline.name}.${source}` : source;

/** Where the sinks of the pipeline read the table `schema.table` of a source. */
export const topicForSinks = (envelope: Envelope, pipeline: Staged, source: string, table: string): string =>
  tableTopic(envelope, readFrom(pipeline, source), table);

/** @param name `table`, `schema.table` or `source.schema.table` */
export function namesTable(name: string, { source, schema, table }: Omit<TableSchema, 'id' | 'columns'>): boolean {
  return [table, `${schema}.${table}`, `${source}.${schema}.${table}`].includes(name);
}
