import { z } from 'zod';
import { topicAnswer } from '../answers/operations.ts';
import { wholeNumber } from '../fields.ts';
import { route } from '../route.ts';

export const createTopic = route({
  method: 'POST',
  path: '/topics',
  summary: 'Creates a topic.',
  access: 'change',
  body: z.strictObject({
    topic: z.string(),
    partitions: wholeNumber(1).default(1),
    settings: z.record(z.string(), z.string()).default({}).describe('by Kafka’s names'),
  }),
  answers: topicAnswer,
  async answer({ operations, body: { topic, partitions, settings } }) {
    return { status: 200, body: await operations.topicWriter.create(topic, { partitions, settings }) };
  },
});
