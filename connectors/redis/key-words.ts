/** Keys of rows as words of a call. */
import { type Change, type Row, TailraceError } from '../../src/sdk/index.ts';
import { identityRow } from '../../src/sdk/target/row-image.ts';
import { ColumnWords } from './column-words.ts';
import { CommandBuffer } from './command-buffer.ts';
import type { RowCalls, RowReplies } from './row-calls.ts';
import type { TargetTable } from './tables.ts';

export class KeyWords<R> {
  readonly #table: TargetTable;
  readonly #words = new ColumnWords(new CommandBuffer());
  readonly #around: { readonly before: Uint8Array; readonly column: number; readonly after: Uint8Array } | null;
  readonly #refused = new Map<R, TailraceError>();

  constructor(table: TargetTable) {
    const { around } = table.key;
    this.#table = table;
    this.#around =
      around === null
        ? null
        : { before: Buffer.from(around.before), column: around.column, after: Buffer.from(around.after) };
  }

  /** Writes the key of a change into the next operation of its group, which it returns; -1 for a key that can't be one. */
  write(calls: RowCalls<R>, row: R, change: Change): number {
    const identity = this.#identity(row, change);
    if (identity === null) return -1;
    const around = this.#around;
    const { keys } = calls.next(0);
    if (around !== null && this.#words.one(keys, identity, around.column, around.before, around.after)) return 0;
    try {
      const { text, group } = this.#table.key.keyOf(identity);
      calls.next(group).keys.text(text);
      return group;
    } catch (error) {
      return this.#refuse(row, error);
    }
  }

  withRefused(replies: RowReplies<R>): RowReplies<R> {
    if (this.#refused.size === 0) return replies;
    return { ...replies, refused: new Map([...replies.refused, ...this.#refused]) };
  }

  #identity(row: R, change: Change): Row | null {
    if (change.after !== null) return change.after;
    try {
      return identityRow(change);
    } catch (error) {
      this.#refuse(row, error);
      return null;
    }
  }

  #refuse(row: R, error: unknown): -1 {
    if (!(error instanceof TailraceError) || error.code !== 'sink.rejected') throw error;
    this.#refused.set(row, error);
    return -1;
  }
}
