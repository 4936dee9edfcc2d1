import type { Route } from '../route.ts';

export const groups: Route = {
  method: 'GET',
  path: '/groups',
  summary: 'Consumer groups with their state and lag.',
  needsToken: false,
  answer: ({ operations }) => ({ status: 200, body: operations.groups.list() }),
};
