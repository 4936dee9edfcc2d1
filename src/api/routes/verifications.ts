import { z } from 'zod';
import { TailraceError } from '../../contracts/errors.ts';
import type { VerificationControl } from '../../contracts/verification.ts';
import { detailsAnswer, verificationAnswer } from '../answers/verification.ts';
import { listOf, wholeNumber } from '../fields.ts';
import { route } from '../route.ts';

export const verifications = route({
  method: 'GET',
  path: '/verifications',
  summary: 'The last comparison of each sink with its source, under way or not.',
  access: 'state',
  answers: z.array(verificationAnswer).readonly(),
  answer: ({ verification }) => ({ status: 200, body: offered(verification).verifications() }),
});

export const verification = route({
  method: 'GET',
  path: '/verifications/:pipeline/:sink',
  summary: 'The last comparison of one sink, with the keys of the rows that differ.',
  access: 'records',
  answers: detailsAnswer,
  answer({ verification, params }) {
    const control = offered(verification);
    const { pipeline, sink } = params as { pipeline: string; sink: string };
    const status = control.verifications().find((one) => one.pipeline === pipeline && one.sink === sink);
    if (status === undefined) throw never();
    return { status: 200, body: { status, differences: control.differences(pipeline, sink) } };
  },
});

export const verify = route({
  method: 'POST',
  path: '/verifications',
  summary: 'Compares a sink, or all of a pipeline one after the other, with the source; answers when it has begun.',
  access: 'change',
  body: z.strictObject({
    pipeline: z.string(),
    sink: z.string().nullable().default(null).describe('null: all sinks'),
    tables: listOf(z.string()).nullable().default(null).describe('`schema.table`; null: all that the sink takes'),
    rate: wholeNumber(1).nullable().default(null).describe('rows a second; null: no limit'),
    repair: z
      .boolean()
      .default(false)
      .describe('read differing rows again through the log, delete extra ones through it'),
    resume: z.boolean().default(false).describe('go on where one was broken off'),
  }),
  answers: z.array(verificationAnswer).readonly(),
  answer: async ({ verification, body }) => ({ status: 200, body: await offered(verification).verify(body) }),
});

export const cancelVerification = route({
  method: 'DELETE',
  path: '/verifications/:pipeline',
  summary: 'Ends the comparisons of a pipeline that are under way; `resume` goes on with them.',
  access: 'change',
  answers: z.object({ cancelled: z.boolean() }),
  answer({ verification, params }) {
    return { status: 200, body: { cancelled: offered(verification).cancelVerification(params.pipeline!, null) } };
  },
});

function offered(control: VerificationControl | undefined): VerificationControl {
  if (control !== undefined) return control;
  throw new TailraceError('instance.not_running', 'no pipelines run here that could be verified');
}

function never(): TailraceError {
  return new TailraceError('verify.not_found', 'that sink was not verified since the start', {
    remedy: 'start it with `tailrace verify`',
  });
}
