import type { Route } from '../route.ts';

export const createTopic: Route = {
  method: 'POST',
  path: '/topics',
  summary: 'Creates a topic. `topic`, `partitions` (1), `settings` (texts, by Kafka’s names).',
  needsToken: true,
  async answer({ operations, body }) {
    const fields = body.only('topic', 'partitions', 'settings');
    const partitions = fields.has('partitions') ? fields.number('partitions', 1) : 1;
    const settings = Object.fromEntries(fields.fields('settings').entries());
    const created = await operations.topicWriter.create(fields.text('topic'), { partitions, settings });
    return { status: 200, body: created };
  },
};
