import { z } from 'zod';
import { topicAnswer } from '../answers/operations.ts';
import { wholeNumber } from '../fields.ts';
import { route } from '../route.ts';

export const alterTopic = route({
  method: 'POST',
  path: '/topics/:topic',
  summary: 'Changes settings of a topic and adds partitions.',
  access: 'change',
  body: z.strictObject({
    partitions: wholeNumber(1).nullable().default(null).describe('the new total'),
    settings: z
      .record(z.string(), z.string().nullable())
      .default({})
      .describe('by Kafka’s names; null: back to the default'),
  }),
  answers: topicAnswer,
  async answer({ operations, params, body }) {
    return { status: 200, body: await operations.topicWriter.alter(params.topic!, body) };
  },
});
