import { z } from 'zod';
import { traceAnswer } from '../answers/inspect.ts';
import { namesText, wholeNumberText } from '../fields.ts';
import { route } from '../route.ts';

const MAX_CHANGES = 1_000;

export const trace = route({
  method: 'GET',
  path: '/trace/:table',
  summary: 'The newest changes of one row, with what every step on the way to every sink made of them.',
  access: 'records',
  query: z.strictObject({
    key: namesText().describe('values of the key columns in key order, or `column=value` each, with commas'),
    limit: wholeNumberText(1).optional().describe('20 when absent'),
  }),
  answers: traceAnswer,
  async answer({ inspector, params, query: { key, limit = 20 } }) {
    const wanted = { table: params.table!, key, limit: Math.min(limit, MAX_CHANGES) };
    return { status: 200, body: await inspector.trace(wanted) };
  },
});
