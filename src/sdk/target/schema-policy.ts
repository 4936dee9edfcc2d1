/** What a sink does where its tables differ from what the source describes. */
import { z } from 'zod';
import { TailraceError } from '../../contracts/errors.ts';
import type { Logger } from '../../contracts/plugin.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import { sourceTableName } from './names.ts';

export const SCHEMA_POLICIES = ['evolve', 'ignore', 'stop'] as const;
export type SchemaPolicy = (typeof SCHEMA_POLICIES)[number];

/** Field of a sink's configuration. @param widens what else than columns is changed */
export const schemaPolicy = (widens = '') =>
  z
    .enum(SCHEMA_POLICIES)
    .default('evolve')
    .describe(
      `Where a table of the target lacks columns of the source. \`evolve\`: they are added${widens}. \`ignore\`: they are left out, which the log says once for each. \`stop\`: the sink waits, nothing of the batch is written, and the status shows the statement that mends it. A table that is not there is made whole by all three; a column that the source drops stays, as does the old one of two where the source renames a column. Columns named \`_tr_…\` are ours: \`ignore\` adds them.`,
    );

const OURS = '_tr_';

export interface Lack {
  readonly table: TableSchema;
  /** As statements name it. */
  readonly target: string;
  /** Of columns, of ours too, that the target has not. */
  readonly names: readonly string[];
  /** The statement that adds columns. */
  readonly statement: (names: readonly string[]) => string;
}

export class SchemaChanges {
  readonly #policy: SchemaPolicy;
  readonly #log: Logger;
  /** By target: names that the last description had. */
  readonly #columns = new Map<string, readonly string[]>();

  constructor(policy: SchemaPolicy, log: Logger) {
    this.#policy = policy;
    this.#log = log;
  }

  get widens(): boolean {
    return this.#policy === 'evolve';
  }

  /**
   * Names of the columns that are to be added now; the others stay out. Throws `sink.not_ready` when nothing may be written
   * without them.
   */
  toAdd({ table, target, names, statement }: Lack): readonly string[] {
    if (names.length === 0 || this.#policy === 'evolve') return names;
    const isKey = (name: string) => table.columns.some((one) => one.name === name && one.keyOrdinal !== undefined);
    if (this.#policy === 'stop' || names.some(isKey)) throw lacking(target, table, names, statement);
    const ours = names.filter((name) => name.startsWith(OURS));
    for (const column of names.filter((name) => !ours.includes(name))) {
      this.#log('warn', 'a column of the source is left out: the target lacks it', { table: target, column });
    }
    return ours;
  }

  /** Says which columns the source has no more. They stay: what was written of them is not ours to remove. */
  described(target: string, { columns }: TableSchema): void {
    const names = columns.map(({ name }) => name);
    const gone = (this.#columns.get(target) ?? []).filter((name) => !names.includes(name));
    this.#columns.set(target, names);
    for (const column of gone) {
      this.#log('warn', 'a column that the source has no more stays as it is', { table: target, column });
    }
  }
}

function lacking(target: string, table: TableSchema, names: readonly string[], statement: Lack['statement']) {
  const list = names.map((name) => JSON.stringify(name)).join(', ');
  const message = `${target} lacks ${names.length === 1 ? 'the column' : 'columns'} ${list} of ${sourceTableName(table)}`;
  return new TailraceError('sink.not_ready', message, { remedy: statement(names) });
}
