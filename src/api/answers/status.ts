/** What the status of an instance looks like in answers: the contract of `contracts/control.ts` as schemas. */
import { z } from 'zod';
import type {
  InstanceStatus,
  PipelineStatus,
  SinkStatus,
  SourceStatus,
  StageStatus,
  TaskProblem,
} from '../../contracts/control.ts';
import type { ReplayProgress } from '../../contracts/replay.ts';
import type { SnapshotStatus, UpstreamStatus } from '../../contracts/upstream.ts';
import type { VerifiedStatus } from '../../contracts/verification.ts';

const ms = () => z.number().describe('ms since 1970');

export const taskState = z.enum([
  'starting',
  'snapshot',
  'streaming',
  'running',
  'retrying',
  'paused',
  'stopped',
  'failed',
  'gap',
]);

const problem: z.ZodType<TaskProblem> = z.object({
  code: z.string(),
  message: z.string(),
  remedy: z.string().nullable(),
  since: ms(),
});

export const snapshotAnswer: z.ZodType<SnapshotStatus> = z.object({
  table: z.string(),
  kind: z.enum(['initial', 'refresh']),
  state: z.enum(['waiting', 'reading', 'paused']),
  rows: z.number(),
  estimatedRows: z.number().nullable(),
  percent: z.number().nullable(),
  rowsPerSecond: z.number().nullable(),
  etaSeconds: z.number().nullable(),
});

const upstream: z.ZodType<UpstreamStatus> = z.object({
  snapshots: z.array(snapshotAnswer),
  retention: z
    .object({
      retainedBytes: z.number(),
      safeBytes: z.number().nullable(),
      secondsUntilLost: z.number().nullable(),
    })
    .nullable(),
  warnings: z.array(z.object({ message: z.string(), remedy: z.string(), since: ms() })),
});

const source: z.ZodType<SourceStatus> = z.object({
  name: z.string(),
  storedAs: z.string().exactOptional().describe('its name in the log, where that is another'),
  type: z.string(),
  state: taskState,
  problem: problem.nullable(),
  rows: z.number().describe('records written to the log since the process started'),
  transactions: z.number(),
  position: z.unknown().describe('the last saved one'),
  lastCommitMs: ms().nullable(),
  upstream: upstream.exactOptional(),
});

export const replayProgress: z.ZodType<ReplayProgress> = z.object({
  startedMs: ms(),
  rate: z.number().nullable().describe('records a second; null: as the sink is set'),
  done: z.number(),
  total: z.number(),
  percent: z.number(),
  etaSeconds: z.number().nullable(),
});

const verified: z.ZodType<VerifiedStatus> = z.object({
  percent: z.number().nullable().describe('rows of the last complete round that were equal; null: none is complete'),
  sinceMs: ms().nullable().describe('all of them were compared at or after'),
  differing: z.number().describe('rows of that round that were missing, different or extra'),
  unsettled: z.number().describe('rows of that round that changed too often to be compared'),
  roundMs: ms().nullable().describe('when the round under way began; null: none is'),
  problem: z
    .object({ code: z.string(), message: z.string(), remedy: z.string().nullable() })
    .nullable()
    .describe('why the last try could not go on'),
});

const sink: z.ZodType<SinkStatus> = z.object({
  name: z.string(),
  storedAs: z.string().exactOptional().describe('its name in the log, where that is another'),
  type: z.string(),
  state: taskState,
  problem: problem.nullable(),
  records: z.number().describe('records applied since the process started'),
  deadLetters: z.number().describe('dead letters that wait'),
  refused: z.number().exactOptional().describe('records that became dead letters since the process started'),
  oldestDeadLetterMs: ms().nullable().exactOptional(),
  notYetTransactional: z.literal(true).exactOptional().describe('a transactional sink in the midst of a snapshot'),
  replay: replayProgress.exactOptional().describe('of one that is under way'),
  verified: verified.exactOptional().describe('of a sink that is compared with its source in the background'),
  lagRecords: z.number().describe('records in the log that it has not applied'),
  lagMs: z.number().describe('age of the oldest of them, ms'),
});

const stage: z.ZodType<StageStatus> = z.object({
  state: taskState,
  problem: problem.nullable(),
  records: z.number().describe('records read since the process started'),
  sent: z.number().describe('changes written since then'),
  repeats: z.number().describe('rows left out since then because they repeat another'),
  errors: z.number().describe('failures since then'),
  retries: z.number().describe('of them, tried again'),
  lagRecords: z.number().describe('records of its sources that it has not read'),
  lagMs: z.number().describe('age of the oldest of them, ms'),
});

export const pipelineAnswer: z.ZodType<PipelineStatus> = z.object({
  name: z.string(),
  sources: z.array(source),
  stage: stage.exactOptional().describe('of a pipeline with steps that look at other rows'),
  sinks: z.array(sink),
});

export const statusAnswer: z.ZodType<InstanceStatus> = z.object({
  instance: z.string(),
  running: z.boolean(),
  pid: z.number().nullable(),
  startedMs: ms().nullable(),
  pipelines: z.array(pipelineAnswer),
});
