/**
 * Tables in which a statement has changed rows that were there. The stream has no word of it: ALTER TABLE that adds a column with
 * a default, renames one, or gives one another type, changes what the rows say, and only rows that change afterwards come with it.
 */
import type { Column, ConnectorContext, SourceWarning, TableSchema } from '../../src/sdk/index.ts';
import type { CatalogTable } from './catalog.ts';

/** A table as it was described, and the numbers that its columns have in the catalog; null: it was gone by then. */
export interface Described {
  readonly schema: TableSchema;
  readonly catalog: CatalogTable | null;
}

export class AlteredRows {
  readonly #context: Pick<ConnectorContext, 'clock' | 'log'>;
  readonly #source: string;
  readonly #last = new Map<string, Described>();
  readonly #warnings = new Map<string, SourceWarning>();

  constructor(source: string, context: Pick<ConnectorContext, 'clock' | 'log'>) {
    this.#source = source;
    this.#context = context;
  }

  get warnings(): readonly SourceWarning[] {
    return [...this.#warnings.values()];
  }

  /** The table as the rows that come next have it. */
  describe(label: string, now: Described): void {
    const before = this.#last.get(label);
    this.#last.set(label, now);
    const columns = before === undefined ? [] : alteredColumns(before, now);
    if (columns.length === 0) return;
    const message = `${label} was altered: what that put into ${columns.join(', ')} of rows that were there before does not come in the stream`;
    const remedy = `tailrace snapshot start ${this.#source} ${label}`;
    this.#warnings.set(label, { message, remedy, since: this.#context.clock.now() });
    this.#context.log('warn', message, { source: this.#source, table: label, remedy });
  }

  /** All of the table is read once more. */
  readAgain(label: string): void {
    this.#warnings.delete(label);
  }
}

/** Columns that may say something else in rows that no change has touched. */
export function alteredColumns(before: Described, now: Described): readonly string[] {
  const known = new Map(before.schema.columns.map((column) => [column.name, column]));
  const numbers = new Set(before.catalog?.columns.map(({ number }) => number));
  const facts = new Map(now.catalog?.columns.map((column) => [column.name, column]));
  return now.schema.columns.flatMap((column) => {
    const { name } = column;
    const old = known.get(name);
    if (old !== undefined) return saysTheSame(old, column) ? [] : [name];
    const fact = facts.get(name);
    const isEmpty = fact !== undefined && !fact.filled && !fact.notNull && !numbers.has(fact.number);
    return isEmpty ? [] : [name];
  });
}

/** The same type, or one that takes every value of the old one as it is. */
function saysTheSame(old: Column, now: Column): boolean {
  if (old.native === now.native) return true;
  const [from, to] = [old, now].map(({ native }) => native.replace(/\(.*\)/, ''));
  if (from === 'character varying' && to === 'text') return true;
  const isRoomier = (before = Number.POSITIVE_INFINITY, after = Number.POSITIVE_INFINITY) => after >= before;
  const isPadded = to === 'character';
  return (
    from === to &&
    !isPadded &&
    old.scale === now.scale &&
    isRoomier(old.length, now.length) &&
    isRoomier(old.precision, now.precision)
  );
}
