import { groupsAnswer } from '../answers/operations.ts';
import { route } from '../route.ts';

export const groups = route({
  method: 'GET',
  path: '/groups',
  summary: 'Consumer groups with their state and lag.',
  access: 'state',
  answers: groupsAnswer,
  answer: ({ operations }) => ({ status: 200, body: operations.groups.list() }),
});
