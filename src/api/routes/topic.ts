import { topicAnswer } from '../answers/operations.ts';
import { route } from '../route.ts';

export const topic = route({
  method: 'GET',
  path: '/topics/:topic',
  summary: 'One topic with its settings.',
  access: 'state',
  answers: topicAnswer,
  answer: ({ operations, params }) => ({ status: 200, body: operations.topics.describe(params.topic!) }),
});
