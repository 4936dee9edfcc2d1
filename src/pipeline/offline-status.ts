/** Status of a stopped instance, from what its log holds. */
import type { InstanceStatus, PipelineStatus, TaskProblem } from '../contracts/control.ts';
import type { Checkpoints, Topics } from '../contracts/log.ts';
import { shownPosition } from './shown-position.ts';
import type { SourceCheckpoint } from './source-output.ts';

const GROUP = /^group\/tailrace\.([^./]+)\.([^/]+)\/(.+)\/(\d+)$/;

export interface StoredState {
  readonly topics: Pick<Topics, 'get' | 'list'>;
  readonly checkpoints: Checkpoints;
}

export function offlineStatus(instance: string, stored: StoredState): InstanceStatus {
  const pipelines = new Map<string, { sinks: Map<string, number> }>();
  for (const [name, value] of stored.checkpoints.list('group/')) {
    const [, pipeline, sink, topic] = GROUP.exec(name) ?? [];
    if (pipeline === undefined || sink === undefined || topic === undefined) continue;
    const end = stored.topics.get(topic)?.partitions[0]?.endOffset ?? 0n;
    const { sinks } = pipelines.get(pipeline) ?? { sinks: new Map<string, number>() };
    sinks.set(sink, (sinks.get(sink) ?? 0) + Number(end - BigInt(value)));
    pipelines.set(pipeline, { sinks });
  }
  const list: PipelineStatus[] = [...pipelines].map(([name, { sinks }]) => ({
    name,
    sources: [],
    sinks: [...sinks].map(([sink, lagRecords]) => ({
      name: sink,
      type: '',
      state: 'stopped',
      problem: null,
      records: 0,
      deadLetters: 0,
      lagRecords,
      lagMs: 0,
    })),
  }));
  const sources = stored.checkpoints
    .list('source/')
    .map(([name, value]) => storedSource(name, value, stored.checkpoints));
  if (sources.length > 0) list.unshift({ name: '(sources)', sources, sinks: [] });
  return { instance, running: false, pid: null, startedMs: null, pipelines: list };
}

function storedSource(name: string, value: string, checkpoints: Checkpoints) {
  const source = name.slice('source/'.length);
  const gap = checkpoints.get(`gap/source/${source}`);
  const problem: TaskProblem | null = gap === undefined ? null : JSON.parse(gap);
  return {
    name: source,
    type: '',
    state: gap === undefined ? ('stopped' as const) : ('gap' as const),
    problem,
    rows: 0,
    transactions: 0,
    position: shownPosition((JSON.parse(value) as SourceCheckpoint).position),
    lastCommitMs: null,
  };
}
