import type { Route } from '../route.ts';

export const compactTopic: Route = {
  method: 'POST',
  path: '/topics/:topic/compact',
  summary: 'Compacts what may be compacted of a topic now.',
  needsToken: true,
  async answer({ operations, params, body }) {
    body.only();
    return { status: 200, body: await operations.topicWriter.compact(params.text('topic')) };
  },
};
