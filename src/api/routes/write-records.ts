import { z } from 'zod';
import type { NewRecord } from '../../contracts/operations.ts';
import { writtenAnswer } from '../answers/operations.ts';
import { bytes, listOf, wholeNumber } from '../fields.ts';
import { route } from '../route.ts';

const newRecord = z
  .strictObject({
    key: bytes().default(null),
    value: bytes().default(null),
    headers: listOf(z.strictObject({ key: z.string(), value: bytes().default(null) })).default([]),
    timestamp: wholeNumber().optional().describe('ms since 1970; absent: the time of writing'),
  })
  .transform(({ timestamp, ...rest }): NewRecord => ({ ...rest, ...(timestamp === undefined ? {} : { timestamp }) }));

export const writeRecords = route({
  method: 'POST',
  path: '/topics/:topic/records',
  summary: 'Writes records, all or none. Without `partition`: by their keys.',
  access: 'change',
  body: z.strictObject({ records: listOf(newRecord), partition: wholeNumber().optional() }),
  answers: writtenAnswer,
  async answer({ operations, params, body: { records, partition = null } }) {
    return {
      status: 200,
      body: await operations.topicWriter.write({ topic: params.topic!, partition, records }),
    };
  },
});
