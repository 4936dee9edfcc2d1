import type { Route } from '../route.ts';

export const group: Route = {
  method: 'GET',
  path: '/groups/:group',
  summary: 'One consumer group with its members and offsets.',
  needsToken: false,
  answer: ({ operations, params }) => ({ status: 200, body: operations.groups.describe(params.text('group')) }),
};
