import { z } from 'zod';
import type { ReadFrom, ReadUntil } from '../../contracts/operations.ts';
import { recordAnswer } from '../answers/operations.ts';
import { flagText, wholeNumberText } from '../fields.ts';
import { route } from '../route.ts';

const PLACE = /^(?:offset:\d{1,19}|time:\d{1,15})$/;

const query = z.strictObject({
  from: z
    .string()
    .regex(/^(?:start|end|offset:\d{1,19}|time:\d{1,15}|last:\d{1,15})$/, {
      error: 'must be start, end, offset:N, time:MS or last:N',
    })
    .transform(fromOf)
    .prefault('start'),
  until: z.string().regex(PLACE, { error: 'must be offset:N or time:MS' }).transform(placeOf).optional(),
  partition: z
    .string()
    .regex(/^\d{1,15}(?:,\d{1,15})*$/, { error: 'must be one or more whole numbers, with commas' })
    .transform((text) => text.split(',').map(Number))
    .optional(),
  key: z.string().optional(),
  limit: wholeNumberText().optional(),
  follow: flagText().optional().describe('1: goes on with what comes'),
});

export const readRecords = route({
  method: 'GET',
  path: '/topics/:topic/records',
  summary: 'Records of a topic.',
  access: 'records',
  query,
  gives: 'lines',
  answers: recordAnswer,
  answer({ operations, params, query, signal }) {
    const { from, until = null, partition: partitions = null, key = null, limit = null, follow = false } = query;
    return operations.topics.read({ topic: params.topic!, partitions, from, until, key, limit, follow }, signal);
  },
});

function fromOf(text: string): ReadFrom {
  if (text === 'start' || text === 'end') return { at: text };
  const [kind, value] = text.split(':', 2);
  return kind === 'last' ? { at: 'last', count: Math.max(1, Number(value)) } : placeOf(text);
}

function placeOf(text: string): ReadUntil {
  const [kind, value = ''] = text.split(':', 2);
  return kind === 'offset' ? { at: 'offset', offset: value } : { at: 'time', ms: Number(value) };
}
