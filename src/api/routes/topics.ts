import type { Route } from '../route.ts';

export const topics: Route = {
  path: '/topics',
  summary: 'Topics of the log with their partitions, offsets and sizes.',
  answer: (control) => ({ status: 200, body: control.topics() }),
};
