import { z } from 'zod';
import { TailraceError } from '../../contracts/errors.ts';
import { quoted } from '../../lib/printable.ts';
import { pipelineAnswer } from '../answers/status.ts';
import { route } from '../route.ts';

export const pipelines = route({
  method: 'GET',
  path: '/pipelines',
  summary: 'The pipelines that run, with their sources and sinks.',
  access: 'state',
  answers: z.array(pipelineAnswer).readonly(),
  answer: ({ control }) => ({ status: 200, body: control.status().pipelines }),
});

export const pipeline = route({
  method: 'GET',
  path: '/pipelines/:pipeline',
  summary: 'One pipeline with its sources and sinks.',
  access: 'state',
  answers: pipelineAnswer,
  answer({ control, params }) {
    const found = control.status().pipelines.find(({ name }) => name === params.pipeline);
    if (found !== undefined) return { status: 200, body: found };
    throw new TailraceError('pipeline.not_found', `there is no pipeline ${quoted(params.pipeline!)}`, {
      remedy: '`tailrace status` lists them',
    });
  },
});
