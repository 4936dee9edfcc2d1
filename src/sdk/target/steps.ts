/** Cuts a batch into steps per table that a target can apply in bulk. */
import { TailraceError } from '../../contracts/errors.ts';
import type { TableSchema } from '../../contracts/schema.ts';
import type { Rejection, SinkRecord } from '../../contracts/sink.ts';
import { isWhole } from './row-image.ts';

/** `sweep` deletes the table's rows older than `below` and raises its floor: truncate and the end of a snapshot. */
export type Step =
  | { readonly kind: 'rows'; readonly table: TableSchema; readonly records: readonly SinkRecord[] }
  | {
      readonly kind: 'sweep';
      readonly table: TableSchema;
      readonly below: bigint;
      /** Rows by their keys that are left alone. */
      readonly except: readonly string[];
    };

/** The version below which a marker deletes rows (DESIGN § 6); null for other changes. */
export function sweepVersion({ change }: SinkRecord): bigint | null {
  if (change.op === 'truncate') return change.version;
  return change.op === 'snapshot-end' ? (change.sweepBelow ?? null) : null;
}

/**
 * Steps in an order that keeps each table's changes in theirs (Invariant 6); tables do not wait for each other. Markers
 * and new table versions are barriers: no change is folded across one.
 */
export function stepsOf(records: readonly SinkRecord[]): readonly Step[] {
  const tables = new Map<string, Step[]>();
  const open = new Map<string, { kind: 'rows'; table: TableSchema; records: SinkRecord[] }>();
  /** The step that the last record went to: most often the next one goes there too. */
  let last: { kind: 'rows'; table: TableSchema; records: SinkRecord[] } | undefined;
  for (const record of records) {
    const { table, op } = record.change;
    if (last?.table === table && (op === 'insert' || op === 'update' || op === 'delete' || op === 'snapshot')) {
      last.records.push(record);
      continue;
    }
    last = undefined;
    const name = JSON.stringify([table.source, table.schema, table.table]);
    let steps = tables.get(name);
    if (steps === undefined) tables.set(name, (steps = []));
    const below = sweepVersion(record);
    if (below !== null) {
      steps.push({ kind: 'sweep', table, below, except: record.change.sweepExcept ?? [] });
      open.delete(name);
      continue;
    }
    if (op === 'snapshot-begin' || op === 'snapshot-end') continue;
    let rows = open.get(name);
    if (rows === undefined || rows.table.id !== table.id) {
      open.set(name, (rows = { kind: 'rows', table, records: [] }));
      steps.push(rows);
    }
    rows.records.push(record);
    last = rows;
  }
  return [...tables.values()].flat();
}

/**
 * Rows of which a change was refused in this write. A later change of such a row that does not say all of it must wait
 * behind the refused one, else columns would be lost (DESIGN § 8; Invariant 6).
 */
export class RefusedRows {
  readonly #rows = new Set<string>();
  readonly rejections: Rejection[] = [];

  get any(): boolean {
    return this.#rows.size > 0;
  }

  reject(record: SinkRecord, error: TailraceError): void {
    this.rejections.push({ record, error });
    if (record.change.table.columns.some(({ keyOrdinal }) => keyOrdinal !== undefined)) this.#rows.add(name(record));
  }

  /** Keys of refused rows of a table: a sweep leaves them alone. */
  keysOf({ source, schema, table }: TableSchema): string[] {
    return this.rejections.flatMap(({ record: { change } }) => {
      const { table: own } = change;
      return own.source === source && own.schema === schema && own.table === table ? [change.key] : [];
    });
  }

  has(record: SinkRecord): boolean {
    return this.#rows.has(name(record));
  }

  /** True when the change was put behind the refused one; a whole one frees the row. */
  holds(record: SinkRecord): boolean {
    if (!this.has(record)) return false;
    if (isWhole(record.change)) {
      this.#rows.delete(name(record));
      return false;
    }
    this.reject(record, new TailraceError('sink.rejected', 'held behind a refused record of the same row'));
    return true;
  }
}

function name({ topic, partition, change }: SinkRecord): string {
  return `${topic}\0${partition}\0${change.key}`;
}
