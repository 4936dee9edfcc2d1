import type { SeekTo } from '../../contracts/operations.ts';
import { type Fields, invalid } from '../fields.ts';
import type { Route } from '../route.ts';

export const planSeek: Route = {
  method: 'POST',
  path: '/groups/:group/plan',
  summary:
    'What a seek would do. `seek`: `to` (`earliest`, `latest`, `time`, `offset`, `group`) with `ms`, `offset` or `group`; `topics`, `partitions`.',
  needsToken: true,
  async answer({ operations, params, body }) {
    const fields = body.only('seek', 'topics', 'partitions');
    const plan = await operations.seeker.plan({
      group: params.text('group'),
      seek: seekOf(fields.fields('seek')),
      topics: fields.has('topics') ? fields.list('topics').map(String) : null,
      partitions: fields.has('partitions') ? fields.list('partitions').map(Number) : null,
    });
    return { status: 200, body: plan };
  },
};

function seekOf(fields: Fields): SeekTo {
  const to = fields.text('to');
  switch (to) {
    case 'earliest':
    case 'latest':
      return { to };
    case 'time':
      return { to, ms: fields.number('ms') };
    case 'offset':
      return { to, offset: fields.offset('offset') };
    case 'group':
      return { to, group: fields.text('group') };
    default:
      throw invalid('"seek.to" must be earliest, latest, time, offset or group');
  }
}
