import { z } from 'zod';
import type { InstanceStatus, TaskState } from '../../contracts/control.ts';
import { route } from '../route.ts';

/** States that do not pass by themselves. */
const BROKEN: readonly TaskState[] = ['failed', 'gap'];
/** States of what has not begun to work. */
const NOT_YET: readonly TaskState[] = [...BROKEN, 'starting', 'stopped'];

const task = z.object({
  pipeline: z.string(),
  source: z.string().optional(),
  stage: z.string().optional(),
  sink: z.string().optional(),
  state: z.string(),
  code: z.string().nullable(),
});

/** 200 while everything works or is being retried; 503 when a source or sink has stopped for good. */
export const health = route({
  method: 'GET',
  path: '/health',
  summary: 'Whether every source and sink works, or will by itself; which ones do not.',
  access: 'state',
  statuses: { 503: 'A source or sink has failed or has a gap.' },
  answers: z.object({ ok: z.boolean(), instance: z.string(), pid: z.number().nullable(), broken: z.array(task) }),
  answer({ control }) {
    const status = control.status();
    const broken = tasksIn(status, BROKEN);
    const ok = broken.length === 0;
    return { status: ok ? 200 : 503, body: { ok, instance: status.instance, pid: status.pid, broken } };
  },
});

/** 200 as soon as everything has begun to work. */
export const ready = route({
  method: 'GET',
  path: '/ready',
  summary: 'Whether every source and sink has begun to work; which ones have not.',
  access: 'state',
  statuses: { 503: 'A source or sink has not begun yet, has failed or has a gap.' },
  answers: z.object({ ok: z.boolean(), waiting: z.array(task) }),
  answer({ control }) {
    const waiting = tasksIn(control.status(), NOT_YET);
    return { status: waiting.length === 0 ? 200 : 503, body: { ok: waiting.length === 0, waiting } };
  },
});

function tasksIn({ pipelines }: InstanceStatus, states: readonly TaskState[]) {
  return pipelines.flatMap(({ name: pipeline, sources, stage, sinks }) =>
    [
      ...sources.map((task) => ({ kind: 'source', task })),
      ...(stage === undefined ? [] : [{ kind: 'stage', task: { ...stage, name: pipeline } }]),
      ...sinks.map((task) => ({ kind: 'sink', task })),
    ]
      .filter(({ task }) => states.includes(task.state))
      .map(({ kind, task }) => ({
        pipeline,
        [kind]: task.name,
        state: task.state,
        code: task.problem?.code ?? null,
      })),
  );
}
