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
  async answer({ control, operations, version }) {
    const status = control.status();
    const groups = operations.groups.list();
    const now = Date.now();
    const groupTimes = (await operations.groups.oldest?.()) ?? new Map<string, number>();
    const measures = control.measures?.() ?? { sources: [], sinks: [] };
    return exposition(families({ status, measures, groups, groupTimes, version, now }));
  },
});
