/** Changes into record bytes: columns are copied as the JSON text they have in the row, none is decoded. */
import { TailraceError } from '../contracts/errors.ts';
import type { Change, ColumnTarget, Op, Row, RowOp } from '../contracts/row.ts';
import type { DirectRowWriter } from './direct-row-writer.ts';
import type { TableTemplate } from './table-template.ts';

const LETTERS: { readonly [op in Op]?: RowOp } = { insert: 'c', update: 'u', delete: 'd', snapshot: 'r' };
const CLOSE = Buffer.from('}');

export class ChangeWriter {
  readonly #output: TableTemplate;
  readonly #writer: DirectRowWriter;
  /** Columns of the key in key order. */
  readonly #keys: readonly number[];

  /** @param output of the table that the changes are of */
  constructor(output: TableTemplate, writer: DirectRowWriter) {
    this.#output = output;
    this.#writer = writer;
    this.#keys = output.keyHeads.map((_, i) => output.columns.findIndex(({ keyIndex }) => keyIndex === i));
  }

  /** A row's change; not a marker. */
  write({ op, before, after, key, dropped }: Change): void {
    const writer = this.#writer;
    const letter = LETTERS[op];
    if (letter === undefined) throw new TailraceError('internal.bug', `a rule made a row into a ${op}`);
    writer.begin(letter);
    if (before !== null && (letter === 'u' || letter === 'd')) this.#writeSide('before', before);
    if (letter === 'd') {
      writer.endDelete(this.#deleteKey(before, key), dropped === true);
      return;
    }
    if (after === null) throw new TailraceError('internal.bug', `a rule made an ${op} without a row`);
    this.#writeSide('after', after);
    writer.end();
  }

  #writeSide(side: 'before' | 'after', row: Row): void {
    const writer = this.#writer;
    writer.side(side);
    for (let i = 0; i < this.#output.columns.length; i++) {
      if (row.copy === undefined) copyBytes(row, i, writer);
      else row.copy(i, writer, i);
    }
  }

  /** A filter's delete may have no `before`: its key is then the text that the change carries. */
  #deleteKey(before: Row | null, key: string): Uint8Array | null {
    const { keyHeads } = this.#output;
    if (keyHeads.length === 0) return null;
    const values = this.#keys.map((column) => before?.bytes(column));
    if (values.some((value) => value === undefined)) return Buffer.from(key);
    return Buffer.concat([...values.flatMap((value, i) => [keyHeads[i]!, value!]), CLOSE]);
  }
}

function copyBytes(row: Row, column: number, target: ColumnTarget): void {
  const bytes = row.bytes(column);
  if (bytes === undefined) target.unchanged(column);
  else target.json(column, bytes, 0, bytes.length);
}
