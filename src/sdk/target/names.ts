/** Names of targets: what a source table and its rows are called there. */
import { TailraceError } from '../../contracts/errors.ts';
import { keyColumns, type TableSchema } from '../../contracts/schema.ts';

/** Column or field that every row of a target has: version of the last change applied to the row (DESIGN § 6). */
export const VERSION_COLUMN = '_tr_version';

/** A source table as errors name it. */
export function sourceTableName(table: TableSchema): string {
  return `${table.schema}.${table.table}`;
}

/**
 * Remembers which source table fills which target table. Two that fall together would overwrite each other's rows, so
 * the second is refused. `fold` makes names equal that the target does not tell apart; columns may not be called as the
 * `reserved` ones, which the sink adds to each row.
 */
export class TargetNames {
  readonly #owners = new Map<string, string>();
  readonly #fold: (name: string) => string;
  readonly #reserved: readonly string[];

  constructor({ fold = (name: string) => name, reserved = [VERSION_COLUMN] } = {}) {
    this.#fold = fold;
    this.#reserved = reserved;
  }

  /** Throws `sink.not_ready` when another source table has the name, or the table cannot be kept as it is. */
  claim(target: string, table: TableSchema): void {
    const owner = `${table.source}: ${sourceTableName(table)}`;
    const known = this.#owners.get(this.#fold(target));
    if (known !== undefined && known !== owner) {
      throw new TailraceError('sink.not_ready', `${known} and ${owner} would both be written to ${target}`, {
        remedy: 'give each its own sink with `from:` and another name, schema or path',
      });
    }
    this.#owners.set(this.#fold(target), owner);
    this.#checkColumns(target, table);
  }

  #checkColumns(target: string, table: TableSchema): void {
    const seen = new Map(this.#reserved.map((name) => [this.#fold(name), name]));
    for (const { name } of table.columns) {
      const other = seen.get(this.#fold(name));
      if (other !== undefined) {
        throw new TailraceError('sink.not_ready', `${target} cannot hold the columns "${other}" and "${name}"`, {
          remedy: `rename the column with \`rename: { ${name}: … }\` in the sink's transform`,
        });
      }
      seen.set(this.#fold(name), name);
    }
  }
}

/** Key columns with their index in `columns`, in key order. */
export function keyIndexes(table: TableSchema): readonly number[] {
  return keyColumns(table).map((column) => table.columns.indexOf(column));
}
