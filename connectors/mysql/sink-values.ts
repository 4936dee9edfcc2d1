/** Values as literals of a statement, from the bytes of the record (Invariant 9). */
import { type Row, TailraceError } from '../../src/sdk/index.ts';
import { columnText } from '../../src/sdk/target/column-text.ts';
import { quoteLiteral } from './names.ts';

/** Undefined when the column was not sent. Throws `sink.rejected` for a text that is not valid UTF-8. */
export function literal(row: Row, index: number): string | undefined {
  const { kind } = row.columns[index]!;
  const text = columnText(row, index);
  if (text === undefined) return undefined;
  if (text === null) return 'NULL';
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  switch (kind) {
    case 'bytes':
      return `X'${Buffer.from(bytes.toString('latin1'), 'base64').toString('hex')}'`;
    case 'bool':
      return bytes[0] === 0x74 ? '1' : '0';
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
      return bytes.toString('latin1');
    case 'timestamptz':
      return quoteLiteral(bytes.toString('latin1').replace(/Z$/, ''));
    default:
      if (row.get(index) instanceof Uint8Array) {
        throw new TailraceError('sink.rejected', 'a text is not valid UTF-8, which the column cannot hold');
      }
      return quoteLiteral(bytes.toString('utf8'));
  }
}

/** Of a column that is always sent. */
export function sentLiteral(row: Row, index: number): string {
  return literal(row, index) ?? 'NULL';
}
