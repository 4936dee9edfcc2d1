import type { Route } from '../route.ts';

export const status: Route = {
  method: 'GET',
  path: '/status',
  summary: 'State, lag and problems of every source and sink.',
  needsToken: false,
  answer: ({ control }) => ({ status: 200, body: control.status() }),
};
