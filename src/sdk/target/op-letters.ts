/** What a change is called where targets keep every one: Debezium's letters, and the names of markers. */
import type { Op } from '../../contracts/row.ts';

export const OP_LETTERS: Readonly<Record<Op, string>> = {
  insert: 'c',
  update: 'u',
  delete: 'd',
  snapshot: 'r',
  truncate: 't',
  'snapshot-begin': 'snapshot-begin',
  'snapshot-end': 'snapshot-end',
};
