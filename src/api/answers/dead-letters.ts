/** Dead letters in answers: the contract of `contracts/dead-letters.ts` as schemas. */
import { z } from 'zod';
import {
  DEAD_LETTER_STATES,
  type DeadLetterGroup,
  type DeadLetterList,
  type DeadLetterRecord,
  type DeadLetterSummary,
  type RetryReport,
} from '../../contracts/dead-letters.ts';
import type { ShownBytes } from '../../contracts/operations.ts';

const ms = () => z.number().describe('ms since 1970');
const shown: z.ZodType<ShownBytes> = z
  .union([z.string(), z.object({ $bytes: z.string() }).readonly(), z.null()])
  .describe('text; base64 of other bytes');

const summary = {
  id: z.string().describe('`<pipeline>/<sink>/<topic>-<partition>-<offset>`'),
  sink: z.string(),
  state: z.enum(DEAD_LETTER_STATES),
  topic: z.string(),
  partition: z.number(),
  offset: z.string(),
  version: z.string().nullable(),
  cause: z.string().describe('what groups go by: sink, code, message, step and topic'),
  code: z.string(),
  class: z.string(),
  message: z.string(),
  step: z.string().nullable().describe('the rule that failed; null: the target refused'),
  attempts: z.number(),
  firstMs: ms(),
  lastMs: ms(),
  isEdited: z.boolean(),
};

export const summaryAnswer: z.ZodType<DeadLetterSummary> = z.object(summary);

export const recordAnswer: z.ZodType<DeadLetterRecord> = z.object({
  ...summary,
  acts: z
    .array(
      z.object({
        act: z.enum(['edit', 'retry', 'discard', 'refused', 'superseded', 'resolved']),
        atMs: ms(),
        by: z.string().nullable(),
        note: z.string().nullable(),
      }),
    )
    .readonly(),
  detail: z.string().nullable().describe('what the server said; may hold row values'),
  timestamp: ms(),
  key: shown,
  value: shown.describe('the original bytes'),
  headers: z.array(z.object({ key: z.string(), value: shown })).readonly(),
  edited: shown.describe('what a retry sends instead of `value`'),
});

const group: z.ZodType<DeadLetterGroup> = z.object({
  cause: z.string(),
  sink: z.string(),
  code: z.string(),
  message: z.string(),
  step: z.string().nullable(),
  topic: z.string(),
  count: z.number(),
  firstMs: ms(),
  lastMs: ms(),
  sample: z.string().describe('id of one of them'),
});

export const listAnswer: z.ZodType<DeadLetterList> = z.object({
  total: z.number(),
  groups: z.array(group).readonly(),
  letters: z.array(summaryAnswer).readonly(),
});

export const reportAnswer: z.ZodType<RetryReport> = z.object({
  selected: z.number(),
  alongside: z.number().describe('taken along: earlier ones of the same rows, and those held behind'),
  retrying: z.number().describe('on their way already'),
  sent: z.number().describe('of a trial: those that would succeed'),
  refused: z.array(z.object({ id: z.string(), code: z.string(), message: z.string() })).readonly(),
  judgedBy: z.enum(['rules', 'rules and target']).describe('of a trial: whether the target was asked'),
});
