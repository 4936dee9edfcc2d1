import { z } from 'zod';
import { tappedAnswer } from '../answers/inspect.ts';
import { namesText, wholeNumberText } from '../fields.ts';
import { route } from '../route.ts';

const query = z.strictObject({
  sink: z.string().optional().describe('what this sink gets; absent: what stands in the log'),
  step: wholeNumberText(1).optional().describe('before and after this step on the way to the sink'),
  table: z.string().optional(),
  key: namesText().optional().describe('values of the key columns, with commas'),
  last: wholeNumberText().optional().describe('first so many of each topic that are there already'),
});

export const tap = route({
  method: 'GET',
  path: '/pipelines/:pipeline/tap',
  summary: 'Changes as they pass an edge of the pipeline, live.',
  access: 'records',
  query,
  gives: 'events',
  answers: tappedAnswer,
  answer({ inspector, params, query, signal }) {
    const { sink = null, step = null, table = null, key = null, last = 0 } = query;
    return inspector.tap({ pipeline: params.pipeline!, sink, step, table, key, last }, signal);
  },
});
