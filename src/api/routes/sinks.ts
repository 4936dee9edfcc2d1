import { z } from 'zod';
import { TailraceError } from '../../contracts/errors.ts';
import type { ReplayRequest, SinkCommands } from '../../contracts/replay.ts';
import { replayPlanAnswer } from '../answers/replay.ts';
import { listOf, offset, wholeNumber } from '../fields.ts';
import { route } from '../route.ts';

const SINK = '/pipelines/:pipeline/sinks/:sink';

const which = z.strictObject({ sink: z.string().nullable().default(null).describe('null: all of the pipeline') });
const names = z.object({ sinks: z.array(z.string()).readonly().describe('`pipeline/sink`') });

export const pauseSinks = route({
  method: 'POST',
  path: '/pipelines/:pipeline/pause',
  summary: 'Stops a sink, or all of a pipeline, until they are resumed; over restarts.',
  access: 'change',
  body: which,
  answers: names,
  answer: async ({ sinks, params, body }) => ({
    status: 200,
    body: { sinks: await offered(sinks).pause(params.pipeline!, body.sink) },
  }),
});

export const resumeSinks = route({
  method: 'POST',
  path: '/pipelines/:pipeline/resume',
  summary: 'Starts sinks that were paused, or that have stopped by themselves.',
  access: 'change',
  body: which,
  answers: names,
  answer: async ({ sinks, params, body }) => ({
    status: 200,
    body: { sinks: await offered(sinks).resume(params.pipeline!, body.sink) },
  }),
});

const place = z.discriminatedUnion('at', [
  z.strictObject({ at: z.literal('start') }),
  z.strictObject({ at: z.literal('offset'), offset: offset() }),
  z.strictObject({ at: z.literal('time'), ms: wholeNumber() }),
  z.strictObject({ at: z.literal('position'), position: z.string().min(1).max(1_000) }),
]);

const request = z.strictObject({
  from: place,
  to: place.nullable().default(null).describe('not included; null: where the sink stands'),
  tables: listOf(z.string()).nullable().default(null),
  rate: wholeNumber(1).nullable().default(null).describe('records a second; null: as the sink is set'),
  into: z.string().nullable().default(null).describe('name of a new target beside the present one; null: that one'),
});

export const planReplay = route({
  method: 'POST',
  path: `${SINK}/replay/plan`,
  summary: 'What a replay would read. Changes nothing.',
  access: 'change',
  body: request,
  answers: replayPlanAnswer,
  answer: async ({ sinks, params, body }) => ({
    status: 200,
    body: await offered(sinks).planReplay(requestOf(params, body)),
  }),
});

export const replay = route({
  method: 'POST',
  path: `${SINK}/replay`,
  summary: 'Sends what the log has to the sink once more; the status tells how far it is.',
  access: 'change',
  body: request,
  answers: replayPlanAnswer,
  answer: async ({ sinks, params, body }) => ({
    status: 200,
    body: await offered(sinks).replay(requestOf(params, body)),
  }),
});

export const cancelReplay = route({
  method: 'DELETE',
  path: `${SINK}/replay`,
  summary: 'Ends a replay: the sink goes on where it was before.',
  access: 'change',
  answers: z.object({ cancelled: z.boolean() }),
  answer: async ({ sinks, params }) => ({
    status: 200,
    body: { cancelled: await offered(sinks).cancelReplay(params.pipeline!, params.sink!) },
  }),
});

export const adoptSink = route({
  method: 'POST',
  path: `${SINK}/adopt`,
  summary: 'Takes over a target that another log has fed: its tables are read at the source once more, and swept.',
  access: 'change',
  answers: z.object({
    held: z.string().nullable().describe('highest version that the target held'),
    tables: z.array(z.string()).readonly().describe('read once more'),
  }),
  answer: async ({ sinks, params }) => ({
    status: 200,
    body: await offered(sinks).adopt(params.pipeline!, params.sink!),
  }),
});

function requestOf(params: Readonly<Record<string, string>>, body: z.output<typeof request>): ReplayRequest {
  return { ...body, pipeline: params.pipeline!, sink: params.sink! };
}

function offered(sinks: SinkCommands | undefined): SinkCommands {
  if (sinks !== undefined) return sinks;
  throw new TailraceError('instance.not_running', 'no pipelines run here');
}
