import { groupAnswer } from '../answers/operations.ts';
import { route } from '../route.ts';

export const group = route({
  method: 'GET',
  path: '/groups/:group',
  summary: 'One consumer group with its members and offsets.',
  access: 'state',
  answers: groupAnswer,
  answer: ({ operations, params }) => ({ status: 200, body: operations.groups.describe(params.group!) }),
});
