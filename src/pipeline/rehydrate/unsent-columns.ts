/** Which columns of a table version are kept, and which of their values. */
import type { Column, TableSchema, UnsentRule } from '../../contracts/schema.ts';

const NULL = Buffer.from('null');

export interface KeptColumn {
  readonly index: number;
  readonly column: Column;
  readonly rule: UnsentRule;
}

export class UnsentColumns {
  readonly kept: readonly KeptColumn[];
  /** Of all rules the strictest. */
  readonly #aboveRowBytes: number;
  readonly #aboveBytes: number;

  /** @param rules for columns that were described before such rules were, by name */
  constructor({ columns }: Pick<TableSchema, 'columns'>, rules: ReadonlyMap<string, UnsentRule> = new Map()) {
    const isDescribed = columns.some(({ unsent }) => unsent !== undefined);
    this.kept = columns.flatMap((column, index): KeptColumn[] => {
      const rule = column.unsent ?? (isDescribed ? undefined : rules.get(column.name));
      if (rule === undefined || column.keyOrdinal !== undefined) return [];
      return [{ index, column: { ...column, unsent: rule }, rule }];
    });
    this.#aboveRowBytes = Math.min(...this.kept.map(({ rule }) => rule.aboveRowBytes));
    this.#aboveBytes = Math.min(...this.kept.map(({ rule }) => rule.aboveBytes));
  }

  /** Whether the next update sends all that was sent of a row whose kept columns and key have so many bytes together. */
  isSmallRow(bytes: number): boolean {
    return bytes <= this.#aboveRowBytes;
  }

  /** Whether every value of a row with so many bytes is always sent. */
  isSent(bytes: number): boolean {
    return bytes <= this.#aboveBytes;
  }
}

/** Whether an update may leave out this value, JSON text in bytes[from, to). */
export function mayBeLeftOut({ aboveBytes }: UnsentRule, bytes: Uint8Array, from: number, to: number): boolean {
  if (aboveBytes < 0) return true;
  return to - from > aboveBytes && !isNull(bytes, from, to);
}

function isNull(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== NULL.length) return false;
  for (let i = 0; i < NULL.length; i++) if (bytes[from + i] !== NULL[i]) return false;
  return true;
}
