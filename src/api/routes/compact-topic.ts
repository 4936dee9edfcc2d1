import { compactedAnswer } from '../answers/operations.ts';
import { route } from '../route.ts';

export const compactTopic = route({
  method: 'POST',
  path: '/topics/:topic/compact',
  summary: 'Compacts what may be compacted of a topic now.',
  access: 'change',
  answers: compactedAnswer,
  async answer({ operations, params }) {
    return { status: 200, body: await operations.topicWriter.compact(params.topic!) };
  },
});
