/** What an expression can name: the columns of a table, and the facts of the event (`$op` …). */
import type { Change, Op } from '../../contracts/row.ts';
import type { Run } from '../row-image.ts';
import { timestampText } from '../values/temporal.ts';
import { TEXT, type Type, typeOf } from './types.ts';

export interface ScopeColumn {
  readonly name: string;
  readonly type: Type;
  readonly nullable: boolean;
  /** Reads the column of the row at hand. */
  readonly run: Run;
}

export interface ExpressionScope {
  column(name: string): ScopeColumn | undefined;
  /** Columns that can be named, for `did you mean`. */
  names(): readonly string[];
  /** What became of a column that an earlier step took away; undefined for other names. */
  gone(name: string): string | undefined;
}

export interface Fact {
  readonly name: string;
  readonly type: Type;
  readonly summary: string;
  /** Is it the same for every event of the row? */
  readonly steady: boolean;
  readonly of: (change: Change) => string;
}

const OP_LETTERS: Readonly<Record<Op, string>> = {
  insert: 'c',
  update: 'u',
  delete: 'd',
  snapshot: 'r',
  truncate: 't',
  'snapshot-begin': 't',
  'snapshot-end': 't',
};

export const FACTS: readonly Fact[] = [
  {
    name: 'op',
    type: { kind: 'enum', native: '$op', enum: ['c', 'u', 'd', 'r'] },
    summary: "`'c'` insert, `'u'` update, `'d'` delete, `'r'` row of a snapshot",
    steady: false,
    of: ({ op }) => OP_LETTERS[op],
  },
  {
    name: 'ts',
    type: typeOf('timestamptz'),
    summary: 'commit time at the source; of a snapshot row the time of reading',
    steady: false,
    of: ({ timeUs }) => timestampText(BigInt(timeUs), 'Z'),
  },
  {
    name: 'lsn',
    type: TEXT,
    summary: 'position of the change at the source',
    steady: false,
    of: ({ position }) => position,
  },
  { name: 'table', type: TEXT, summary: 'name of the table', steady: true, of: ({ table }) => table.table },
  { name: 'schema', type: TEXT, summary: 'schema of the table', steady: true, of: ({ table }) => table.schema },
  { name: 'key', type: TEXT, summary: 'key of the row as JSON text', steady: true, of: ({ key }) => key },
];

/** Reads a fact. What changes from event to event is not known of an old row. */
export function factRun({ steady, of }: Fact): Run {
  return (row) => (row.isOld && !steady ? undefined : of(row.change));
}
