import type { Route } from '../route.ts';

export const status: Route = {
  path: '/status',
  summary: 'State, lag and problems of every source and sink.',
  answer: (control) => ({ status: 200, body: control.status() }),
};
