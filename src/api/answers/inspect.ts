/** Changes on their way, in answers: the contract of `contracts/inspect.ts` as schemas. */
import { z } from 'zod';
import type { ShownChange, ShownError, ShownRow, StepPlace, Tapped, TracedChange } from '../../contracts/inspect.ts';
import { offset } from '../fields.ts';

const row: z.ZodType<ShownRow> = z
  .record(z.string(), z.unknown())
  .describe('columns that were sent; numbers with all their digits');

const change: z.ZodType<ShownChange> = z.object({
  op: z.string(),
  table: z.string(),
  key: z.string().describe('JSON text'),
  version: z.string(),
  timeUs: z.number().describe('commit time at the source, µs since 1970'),
  position: z.string(),
  transaction: z.string(),
  before: row.nullable(),
  after: row.nullable(),
});

const error: z.ZodType<ShownError> = z.object({
  code: z.string(),
  message: z.string(),
  remedy: z.string().nullable(),
});

const place = {
  topic: z.string(),
  partition: z.number(),
  offset: offset(),
  timestamp: z.number().describe('of its writing to the log, ms since 1970'),
};

const stepFields = {
  number: z.number(),
  verb: z.string(),
  path: z.array(z.union([z.string(), z.number()])),
};

const step: z.ZodType<StepPlace> = z.object(stepFields);

export const tappedAnswer: z.ZodType<Tapped> = z.object({
  ...place,
  step: step.nullable(),
  change: change.nullable(),
  results: z.array(change).nullable().describe('of a step: what it made of it'),
  error: error.nullable(),
});

export const traceAnswer: z.ZodType<readonly TracedChange[]> = z.array(
  z.object({
    ...place,
    pipeline: z.string(),
    source: z.string(),
    change: change.nullable(),
    error: error.nullable(),
    sinks: z.array(
      z.object({
        sink: z.string(),
        steps: z.array(
          z.object({
            ...stepFields,
            outcome: z.enum(['passed', 'changed', 'dropped', 'failed']),
            condition: z.string().nullable().describe('of a filter: what was not true'),
          }),
        ),
        results: z.array(change),
        error: error.nullable(),
        isAcknowledged: z.boolean(),
      }),
    ),
  }),
);
