/** Cuts a batch into steps per table that a target can apply in bulk. */
import { TailraceError } from '../../contracts/errors.ts';
import type { Change } from '../../contracts/row.ts';
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
      /** The marker. */
      readonly change: Change;
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
      steps.push({ kind: 'sweep', table, below, change: record.change });
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

  /**
   * Keys of the rows that the sweep of a marker leaves alone, because what they are now is a dead letter, or becomes one in
   * this write. A truncate spares none: whatever they were to become is gone with them.
   */
  sparedBy({ op, table: swept, sweepExcept = [] }: Change): readonly string[] {
    if (op === 'truncate') return [];
    const fresh = this.rejections.flatMap(({ record: { change } }) => {
      const { source, schema, table } = change.table;
      return swept.source === source && swept.schema === schema && swept.table === table ? [change.key] : [];
    });
    return [...sweepExcept, ...fresh];
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
