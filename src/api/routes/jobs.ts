import { z } from 'zod';
import { TailraceError } from '../../contracts/errors.ts';
import type { SinkJobs } from '../../contracts/replay.ts';
import { jobAnswer } from '../answers/replay.ts';
import { route } from '../route.ts';

export const jobs = route({
  method: 'GET',
  path: '/jobs',
  summary: 'The last rebuild of each sink, under way or not.',
  access: 'state',
  answers: z.array(jobAnswer).readonly(),
  answer: ({ jobs: control }) => ({ status: 200, body: control?.jobs() ?? [] }),
});

export const rebuild = route({
  method: 'POST',
  path: '/pipelines/:pipeline/sinks/:sink/rebuild',
  summary: 'Builds the target anew beside the old one, and puts it in its place; answers when it has begun.',
  access: 'change',
  body: z.strictObject({ verify: z.boolean().default(true).describe('compare it with the source before') }),
  answers: jobAnswer,
  answer: async ({ jobs: control, params, body }) => ({
    status: 200,
    body: await offered(control).rebuild({ pipeline: params.pipeline!, sink: params.sink!, ...body }),
  }),
});

export const cancelJob = route({
  method: 'DELETE',
  path: '/pipelines/:pipeline/sinks/:sink/rebuild',
  summary: 'Gives a rebuild up: what was built is removed, the target stays as it is.',
  access: 'change',
  answers: z.object({ cancelled: z.boolean() }),
  answer: async ({ jobs: control, params }) => ({
    status: 200,
    body: { cancelled: await offered(control).cancelJob(params.pipeline!, params.sink!) },
  }),
});

function offered(control: SinkJobs | undefined): SinkJobs {
  if (control !== undefined) return control;
  throw new TailraceError('instance.not_running', 'no pipelines run here');
}
