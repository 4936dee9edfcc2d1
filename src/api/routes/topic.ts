import type { Route } from '../route.ts';

export const topic: Route = {
  method: 'GET',
  path: '/topics/:topic',
  summary: 'One topic with its settings.',
  needsToken: false,
  answer: ({ operations, params }) => ({ status: 200, body: operations.topics.describe(params.text('topic')) }),
};
