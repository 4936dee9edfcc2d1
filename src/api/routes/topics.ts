import type { Route } from '../route.ts';

export const topics: Route = {
  method: 'GET',
  path: '/topics',
  summary: 'Topics of the log with their partitions, offsets and sizes.',
  needsToken: false,
  answer: ({ control }) => ({ status: 200, body: control.topics() }),
};
