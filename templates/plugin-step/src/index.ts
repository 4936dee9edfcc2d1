/** A step for `transform:` lists: what it reads and makes, and how. */
import { definePlugin, defineStep, z } from 'tailrace/sdk';

const step = defineStep({
  verb: '__name__',
  summary: 'Removes spaces around the text of a column, and makes one of several in it.',
  example: '__name__: { column: name }',
  // What does not fit is a lint error at its place in the pipeline file.
  config: z.strictObject({ column: z.string().describe('The column.') }),
  reads: ({ column }) => [column],
  columns: ({ column }) => ({ [column]: 'text' }),
  // Called once per table version; the function it gives, for each row. Pure: a replay must come to the same.
  compile:
    ({ column }) =>
    (row) => {
      const value = row[column];
      return { [column]: value == null ? null : String(value).trim().replace(/\s+/g, ' ') };
    },
});

export default definePlugin({ api: 1, steps: [step] });
