/**
 * A table whose large values lie beside their rows, as PostgreSQL does it: a value of more than `VALUE` bytes is moved out when its
 * row is longer than `ROW`, the longest first; an update leaves out what lies outside and was not changed.
 */
import type { SentColumn, SentRow } from './encoded.ts';

export const VALUE = 20;
export const ROW = 200;
const POINTER = 18;

interface Cell {
  readonly value: string;
  isOutside: boolean;
}
type StoredRow = (Cell | null)[];

/** One step of a program; `at` picks a row and a column, `size` a length. */
export interface Step {
  readonly kind: 'put' | 'touch' | 'change' | 'move' | 'delete' | 'truncate';
  readonly at: number;
  readonly to: number;
  readonly size: number;
}

export class UnsentRows {
  readonly rows = new Map<number, StoredRow>();
  #serial = 0;

  /** What the source sends of the step. */
  take({ kind, at, to, size }: Step, columns: number): readonly SentRow[] | 'truncate' {
    const row = this.rows.get(at);
    if (kind === 'truncate') {
      this.rows.clear();
      return 'truncate';
    }
    if (row === undefined) return this.#insert(at, columns, size);
    if (kind === 'put' || kind === 'delete') {
      this.rows.delete(at);
      const gone = deleted(at, columns);
      return kind === 'delete' ? [gone] : [gone, ...this.#insert(at, columns, size)];
    }
    const sent = row.map((cell) => cell === null || !cell.isOutside);
    if (kind === 'change' || size % 2 === 1) {
      row[to % columns] = this.#cell(size);
      sent[to % columns] = true;
    }
    moveOut(row);
    if (kind !== 'move' || this.rows.has(to)) return [{ op: 'u', after: image(at, row, sent) }];
    this.rows.delete(at);
    this.rows.set(to, row);
    return [deleted(at, columns), { op: 'c', after: image(to, row, sent) }];
  }

  #insert(id: number, columns: number, size: number): readonly SentRow[] {
    const row = Array.from({ length: columns }, (_, i) => this.#cell(i === 0 ? size : (size * 7 * i) % 190));
    this.rows.set(id, row);
    moveOut(row);
    return [
      {
        op: 'c',
        after: image(
          id,
          row,
          row.map(() => true),
        ),
      },
    ];
  }

  #cell(size: number): Cell | null {
    if (size === 0) return null;
    return { value: `${++this.#serial}:${'x'.repeat(size)}`.slice(0, size), isOutside: false };
  }

  snapshot(): readonly SentRow[] {
    return [...this.rows].map(([id, row]) => ({
      op: 'r',
      after: image(
        id,
        row,
        row.map(() => true),
      ),
    }));
  }

  /** As a whole row of the log has it. */
  values(id: number): readonly (string | null)[] {
    return this.rows.get(id)!.map((cell) => cell?.value ?? null);
  }
}

function moveOut(row: StoredRow): void {
  const length = () =>
    row.reduce((sum, cell) => sum + (cell === null ? 0 : cell.isOutside ? POINTER : cell.value.length), 0);
  while (length() > ROW) {
    const inside = row.filter((cell) => cell !== null && !cell.isOutside && cell.value.length > VALUE) as Cell[];
    const longest = inside.sort((a, b) => b.value.length - a.value.length)[0];
    if (longest === undefined) return;
    longest.isOutside = true;
  }
}

function image(id: number, row: StoredRow, sent: readonly boolean[]): SentColumn[] {
  const cells = row.map((cell, i): SentColumn => (!sent[i] ? undefined : cell === null ? null : { text: cell.value }));
  return [{ text: String(id) }, ...cells];
}

function deleted(id: number, columns: number): SentRow {
  return { op: 'd', before: [{ text: String(id) }, ...Array.from({ length: columns }, () => undefined)] };
}
