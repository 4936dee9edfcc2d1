import { z } from 'zod';
import { exposition } from '../metrics/exposition.ts';
import { families } from '../metrics/families.ts';
import { route } from '../route.ts';

export const metrics = route({
  method: 'GET',
  path: '/metrics',
  summary: 'Metrics in the text format of Prometheus.',
  access: 'state',
  gives: 'text',
  answers: z.string(),
  answer({ control, operations, version }) {
    const status = control.status();
    const groups = operations.groups.list();
    return exposition(families({ status, groups, version, now: Date.now() }));
  },
});
