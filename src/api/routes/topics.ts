import { topicsAnswer } from '../answers/operations.ts';
import { route } from '../route.ts';

export const topics = route({
  method: 'GET',
  path: '/topics',
  summary: 'Topics of the log with their partitions, offsets and sizes.',
  access: 'state',
  answers: topicsAnswer,
  answer: ({ control }) => ({ status: 200, body: control.topics() }),
});
