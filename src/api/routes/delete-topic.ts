import { z } from 'zod';
import { route } from '../route.ts';

export const deleteTopic = route({
  method: 'DELETE',
  path: '/topics/:topic',
  summary: 'Deletes a topic and its records.',
  access: 'change',
  answers: z.object({ deleted: z.string() }),
  async answer({ operations, params }) {
    const topic = params.topic!;
    await operations.topicWriter.delete(topic);
    return { status: 200, body: { deleted: topic } };
  },
});
