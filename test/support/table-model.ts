/** A target table in memory that applies changes one by one, as DESIGN § 6 (Version) says. The judge of the SQL sinks. */
import { type Change, NOT_SENT } from '../../src/contracts/row.ts';
import type { TableSchema } from '../../src/contracts/schema.ts';

export class TableModel {
  readonly #table: TableSchema;
  #rows = new Map<string, { version: bigint; values: (string | null)[] }>();
  #deleted = new Map<string, bigint>();
  #floor = 0n;

  constructor(table: TableSchema) {
    this.#table = table;
  }

  copy(): TableModel {
    const copy = new TableModel(this.#table);
    copy.#rows = new Map([...this.#rows].map(([key, row]) => [key, { ...row, values: [...row.values] }]));
    copy.#deleted = new Map(this.#deleted);
    copy.#floor = this.#floor;
    return copy;
  }

  /** Values as text, sorted as the suite sorts a target's rows. */
  rows(): (string | null)[][] {
    return [...this.#rows.values()].map(({ values }) => values).sort(byJson);
  }

  /** Version below which changes of the row are refused. */
  bound(key: string): bigint {
    const row = this.#rows.get(key)?.version ?? 0n;
    const deleted = this.#deleted.get(key) ?? 0n;
    return row > deleted ? row : deleted;
  }

  apply(change: Change): void {
    const { op, version, key } = change;
    if (op === 'truncate') this.#sweep(version);
    else if (op === 'snapshot-end') this.#sweep(change.sweepBelow!);
    else if (op !== 'snapshot-begin' && version >= this.#floor) {
      const stored = this.#rows.get(key);
      if (op === 'delete') {
        if (stored !== undefined && stored.version <= version) this.#rows.delete(key);
        if ((this.#deleted.get(key) ?? 0n) < version) this.#deleted.set(key, version);
      } else if ((stored?.version ?? 0n) <= version && (this.#deleted.get(key) ?? 0n) <= version) {
        const values = this.#table.columns.map((_, i) => {
          const value = change.after!.get(i);
          if (value === NOT_SENT) return stored?.values[i] ?? null;
          return value === null ? null : String(value);
        });
        this.#rows.set(key, { version, values });
      }
    }
  }

  #sweep(below: bigint): void {
    if (below <= this.#floor) return;
    for (const [key, { version }] of this.#rows) if (version < below) this.#rows.delete(key);
    this.#floor = below;
  }
}

/** Order of rows that does not depend on a server's collation. */
export function byJson(a: unknown, b: unknown): number {
  const [x, y] = [JSON.stringify(a), JSON.stringify(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}
