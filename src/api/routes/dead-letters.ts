import { z } from 'zod';
import { DEAD_LETTER_STATES, type DeadLetterDesk, type DeadLetterFilter } from '../../contracts/dead-letters.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { listAnswer, recordAnswer, reportAnswer, summaryAnswer } from '../answers/dead-letters.ts';
import { listOf, wholeNumber, wholeNumberText } from '../fields.ts';
import { route } from '../route.ts';

const state = () => z.enum(DEAD_LETTER_STATES);

const filter = {
  sink: z.string().optional(),
  ids: listOf(z.string()).optional(),
  states: listOf(state()).optional().describe('default: those that wait, `open` and `held`'),
  cause: z.string().optional(),
  code: z.string().optional(),
  topic: z.string().optional(),
  sinceMs: wholeNumber().optional().describe('first refused at or after'),
  untilMs: wholeNumber().optional().describe('first refused before'),
  limit: wholeNumber(1).optional().describe('the first so many, oldest first'),
};

const by = () => z.string().max(200).default('').describe('who asks for it');

export const deadLetters = route({
  method: 'GET',
  path: '/dead-letters/:pipeline',
  summary: 'Dead letters of a pipeline by their causes, without contents.',
  access: 'state',
  query: z.strictObject({
    sink: z.string().optional(),
    states: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(state()))
      .optional(),
    cause: z.string().optional(),
    code: z.string().optional(),
    topic: z.string().optional(),
    sinceMs: wholeNumberText().optional(),
    untilMs: wholeNumberText().optional(),
    limit: wholeNumberText(1).optional(),
  }),
  answers: listAnswer,
  answer: async ({ deadLetters: desk, params, query }) => ({
    status: 200,
    body: await offered(desk).list(params.pipeline!, given(query)),
  }),
});

export const deadLetter = route({
  method: 'GET',
  path: '/dead-letters/:pipeline/:sink/:record',
  summary: 'One dead letter with its record, what the target said, and what was done with it.',
  access: 'records',
  answers: recordAnswer,
  answer: async ({ deadLetters: desk, params }) => ({ status: 200, body: await offered(desk).show(idOf(params)) }),
});

export const tryDeadLetters = route({
  method: 'POST',
  path: '/dead-letters/:pipeline/try',
  summary: "What a retry would do with today's configuration. Writes nothing.",
  access: 'change',
  body: z.strictObject(filter),
  answers: reportAnswer,
  answer: async ({ deadLetters: desk, params, body }) => ({
    status: 200,
    body: await offered(desk).tryOut(params.pipeline!, given(body)),
  }),
});

export const retryDeadLetters = route({
  method: 'POST',
  path: '/dead-letters/:pipeline/retry',
  summary: 'Sends dead letters to their sinks again, through the log.',
  access: 'change',
  body: z.strictObject({ ...filter, by: by() }),
  answers: reportAnswer,
  answer: async ({ deadLetters: desk, params, body: { by: who, ...wanted } }) => ({
    status: 200,
    body: await offered(desk).retry(params.pipeline!, given(wanted), who),
  }),
});

export const discardDeadLetters = route({
  method: 'POST',
  path: '/dead-letters/:pipeline/discard',
  summary: 'Gives dead letters up, with a reason.',
  access: 'change',
  body: z.strictObject({ ...filter, by: by(), reason: z.string().min(1).max(1_000) }),
  answers: z.object({ discarded: z.number() }),
  async answer({ deadLetters: desk, params, body: { by: who, reason, ...wanted } }) {
    const discarded = await offered(desk).discard(params.pipeline!, given(wanted), who, reason);
    return { status: 200, body: { discarded } };
  },
});

export const editDeadLetter = route({
  method: 'POST',
  path: '/dead-letters/:pipeline/:sink/:record',
  summary: 'Writes other values into the record that a retry sends.',
  access: 'change',
  body: z.strictObject({
    columns: z
      .record(z.string(), z.string())
      .describe('column → new value: `null`, JSON of a number, an array or a string, or the text itself'),
    by: by(),
  }),
  answers: summaryAnswer,
  answer: async ({ deadLetters: desk, params, body: { columns, by: who } }) => ({
    status: 200,
    body: await offered(desk).edit({ id: idOf(params), columns, by: who }),
  }),
});

function idOf({ pipeline, sink, record }: Readonly<Record<string, string>>): string {
  return `${pipeline}/${sink}/${record}`;
}

type Given = { readonly [K in keyof DeadLetterFilter]: DeadLetterFilter[K] | undefined };

/** Without the fields that were not given. */
function given(fields: Given): DeadLetterFilter {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function offered(desk: DeadLetterDesk | undefined): DeadLetterDesk {
  if (desk !== undefined) return desk;
  throw new TailraceError('instance.not_running', 'no pipelines run here that could have dead letters');
}
