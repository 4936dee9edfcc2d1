/** Verifications in answers: the contract of `contracts/verification.ts` as schemas. */
import { z } from 'zod';
import type { Difference, VerificationStatus } from '../../contracts/verification.ts';

const ms = () => z.number().describe('ms since 1970');
const kind = z.enum(['missing', 'different', 'extra']);

export const verificationAnswer: z.ZodType<VerificationStatus> = z.object({
  pipeline: z.string(),
  sink: z.string(),
  state: z.enum(['running', 'done', 'cancelled', 'failed']),
  startedMs: ms(),
  endedMs: ms().nullable(),
  rows: z.number().describe('rows of the source, and of the target when it is looked through for extra ones'),
  percent: z.number().nullable(),
  etaSeconds: z.number().nullable(),
  counts: z.object({ missing: z.number(), different: z.number(), extra: z.number() }),
  repaired: z.number(),
  unsettled: z.number().describe('rows that changed too often to be compared at one position'),
  notes: z.array(z.string()).describe('what was not looked at, and why'),
  problem: z.object({ code: z.string(), message: z.string(), remedy: z.string().nullable() }).nullable(),
});

const difference: z.ZodType<Difference> = z.object({
  kind,
  table: z.string(),
  key: z.string().describe('JSON of the record key, as the target has it'),
  columns: z.array(z.string()),
  repaired: z.boolean(),
});

export interface VerificationDetails {
  readonly status: VerificationStatus;
  readonly differences: readonly Difference[];
}

export const detailsAnswer: z.ZodType<VerificationDetails> = z.object({
  status: verificationAnswer,
  differences: z.array(difference).describe('the first 1,000'),
});
