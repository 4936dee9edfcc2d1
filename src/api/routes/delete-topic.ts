import type { Route } from '../route.ts';

export const deleteTopic: Route = {
  method: 'DELETE',
  path: '/topics/:topic',
  summary: 'Deletes a topic and its records.',
  needsToken: true,
  async answer({ operations, params }) {
    const topic = params.text('topic');
    await operations.topicWriter.delete(topic);
    return { status: 200, body: { deleted: topic } };
  },
};
