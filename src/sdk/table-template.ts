/** Names that a sink makes out of a table's name: `{table}` and `{schema}` in literal text. */
import { z } from 'zod';

const PLACEHOLDER = /\{(table|schema)\}/g;

/** A configuration field that holds such a template. Anything else in braces is an error. */
export const tableTemplate = () =>
  z
    .string()
    .min(1)
    .refine((text) => !/[{}]/.test(text.replace(PLACEHOLDER, '')), {
      error: 'may only hold the placeholders {table} and {schema}',
    });

/** Fills a template; `asPart` makes each name safe for its place (identity by default). */
export function fillTemplate(
  template: string,
  table: { readonly schema: string; readonly table: string },
  asPart: (name: string) => string = (name) => name,
): string {
  return template.replace(PLACEHOLDER, (_, field: 'table' | 'schema') => asPart(table[field]));
}
