import type { TaskState } from '../../contracts/control.ts';
import type { Route } from '../route.ts';

/** States that do not pass by themselves. */
const BROKEN: readonly TaskState[] = ['failed', 'gap'];

/** 200 while everything works or is being retried; 503 when a source or sink has stopped for good. */
export const health: Route = {
  method: 'GET',
  path: '/health',
  summary: 'Status 200, or 503 when a source or sink has failed or has a gap; which ones.',
  needsToken: false,
  answer({ control }) {
    const { instance, pid, pipelines } = control.status();
    const broken = pipelines.flatMap(({ name: pipeline, sources, sinks }) =>
      [...sources.map((task) => ({ kind: 'source', task })), ...sinks.map((task) => ({ kind: 'sink', task }))]
        .filter(({ task }) => BROKEN.includes(task.state))
        .map(({ kind, task }) => ({
          pipeline,
          [kind]: task.name,
          state: task.state,
          code: task.problem?.code ?? null,
        })),
    );
    const ok = broken.length === 0;
    return { status: ok ? 200 : 503, body: { ok, instance, pid, broken } };
  },
};
