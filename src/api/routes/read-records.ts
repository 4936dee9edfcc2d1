import type { ReadFrom, ReadUntil } from '../../contracts/operations.ts';
import { type Fields, invalid } from '../fields.ts';
import type { Route } from '../route.ts';

export const readRecords: Route = {
  method: 'GET',
  path: '/topics/:topic/records',
  summary:
    'Records, one a line. `from`: `start`, `end`, `offset:N`, `time:MS`, `last:N`; `until`: `offset:N`, `time:MS`; `partition` (one or more, with commas), `key`, `limit`, `follow` (1: goes on with what comes).',
  needsToken: true,
  answer({ operations, params, query, signal }) {
    const fields = query.only('from', 'until', 'partition', 'key', 'limit', 'follow');
    const partitions = fields.has('partition') ? fields.text('partition').split(',') : null;
    return {
      lines: operations.topics.read(
        {
          topic: params.text('topic'),
          partitions: partitions?.map((partition) => wholeNumber('partition', partition)) ?? null,
          from: fields.has('from') ? fromOf(fields) : { at: 'start' },
          until: fields.has('until') ? untilOf(fields) : null,
          key: fields.has('key') ? fields.text('key') : null,
          limit: fields.has('limit') ? fields.number('limit') : null,
          follow: fields.has('follow') && fields.number('follow') === 1,
        },
        signal,
      ),
    };
  },
};

function fromOf(fields: Fields): ReadFrom {
  const text = fields.text('from');
  if (text === 'start' || text === 'end') return { at: text };
  const [kind, value = ''] = text.split(':', 2);
  if (kind === 'last') return { at: 'last', count: Math.max(1, wholeNumber('from', value)) };
  return placeOf('from', kind, value);
}

function untilOf(fields: Fields): ReadUntil {
  const [kind, value = ''] = fields.text('until').split(':', 2);
  return placeOf('until', kind, value);
}

function placeOf(name: string, kind: string | undefined, value: string): ReadUntil {
  if (kind === 'offset' && /^\d{1,19}$/.test(value)) return { at: 'offset', offset: value };
  if (kind === 'time') return { at: 'time', ms: wholeNumber(name, value) };
  throw invalid(`"${name}" must be offset:N or time:MS`);
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalid(`"${name}" must have a whole number`);
}
