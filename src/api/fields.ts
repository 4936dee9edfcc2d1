/** Kinds of fields that several routes have. Messages of their own begin where the field's name ends. */
import { z } from 'zod';
import { MAX_LIST } from './limits.ts';

/** A whole number from `min` on, in a body. */
export const wholeNumber = (min = 0) => {
  const message = `must be a whole number from ${min} on`;
  return z.int({ error: message }).min(min, { error: message });
};

/** The same in a query, where everything is text. */
export const wholeNumberText = (min = 0) =>
  z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= min, {
      error: `must be a whole number from ${min} on`,
    })
    .transform(Number)
    .meta({ pattern: '^\\d{1,15}$' });

/** In a query: `1` stands for yes. */
export const flagText = () => z.enum(['0', '1']).transform((text) => text === '1');

/** Offsets are decimal texts: they do not fit a JSON number. */
export const offset = () => z.string().regex(/^\d{1,19}$/, { error: 'must be an offset' });

export const listOf = <T extends z.ZodType>(of: T) => z.array(of).max(MAX_LIST);

/** Text, base64 of other bytes, or null. */
export const bytes = () =>
  z.union([
    z.string(),
    z.null(),
    z.strictObject({ $bytes: z.string().regex(/^[A-Za-z0-9+/]*={0,2}$/, { error: 'must be base64' }) }),
  ]);

/** Names in a query: `a,b`. */
export const namesText = () => z.string().transform((text) => text.split(','));
