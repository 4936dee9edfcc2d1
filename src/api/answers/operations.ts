/** Topics, records and groups in answers: the contract of `contracts/operations.ts` as schemas. */
import { z } from 'zod';
import type { TopicStatus } from '../../contracts/control.ts';
import type {
  Compacted,
  GroupDescription,
  GroupSummary,
  SeekMove,
  SeekPlan,
  ShownRecord,
  TopicDescription,
  Written,
} from '../../contracts/operations.ts';
import { bytes, offset } from '../fields.ts';

const topicFields = {
  name: z.string(),
  cleanup: z.enum(['compact', 'delete']),
  partitions: z.array(
    z.object({ partition: z.number(), startOffset: offset(), endOffset: offset(), sizeBytes: z.number() }),
  ),
};

export const topicsAnswer: z.ZodType<readonly TopicStatus[]> = z.array(z.object(topicFields));

export const topicAnswer: z.ZodType<TopicDescription> = z.object({
  ...topicFields,
  settings: z.array(z.object({ name: z.string(), value: z.string(), isDefault: z.boolean() })),
  isOpen: z.boolean().describe('false: only Tailrace itself writes to it, changes and deletes it'),
});

export const recordAnswer: z.ZodType<ShownRecord> = z.object({
  partition: z.number(),
  offset: offset(),
  timestamp: z.number().describe('ms since 1970'),
  key: bytes(),
  value: bytes(),
  headers: z.array(z.object({ key: z.string(), value: bytes() })),
});

export const writtenAnswer: z.ZodType<readonly Written[]> = z.array(
  z.object({ partition: z.number(), offset: offset().describe('of the first record'), records: z.number() }),
);

export const compactedAnswer: z.ZodType<readonly Compacted[]> = z.array(
  z.object({ partition: z.number(), bytesBefore: z.number(), bytesAfter: z.number() }),
);

export const groupsAnswer: z.ZodType<readonly GroupSummary[]> = z.array(
  z.object({
    name: z.string(),
    state: z.string().describe('Kafka’s words, or `Sink`'),
    members: z.number(),
    lag: z.string().describe('records'),
  }),
);

export const groupAnswer: z.ZodType<GroupDescription> = z.object({
  name: z.string(),
  state: z.string(),
  members: z.array(z.object({ id: z.string(), clientId: z.string(), host: z.string() })),
  offsets: z.array(
    z.object({
      topic: z.string(),
      partition: z.number(),
      offset: offset(),
      start: offset().nullable(),
      end: offset().nullable(),
      lag: z.string().nullable(),
    }),
  ),
});

export const seekMove = z.strictObject({
  topic: z.string(),
  partition: z.int().min(0),
  from: offset().nullable(),
  to: offset(),
}) satisfies z.ZodType<SeekMove>;

export const seekPlanAnswer: z.ZodType<SeekPlan> = z.object({
  group: z.string(),
  members: z.number(),
  moves: z.array(seekMove),
});
