import { statusAnswer } from '../answers/status.ts';
import { route } from '../route.ts';

export const status = route({
  method: 'GET',
  path: '/status',
  summary: 'State, lag and problems of every source and sink.',
  access: 'state',
  answers: statusAnswer,
  answer: ({ control }) => ({ status: 200, body: control.status() }),
});
