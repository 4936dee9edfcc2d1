/**
 * Rows as a stage keeps them: of each column its length, 4 bytes big-endian (all ones: not sent), and then one behind the other
 * the JSON texts.
 */
import type { Row } from '../../contracts/row.ts';

export type Cells = readonly (Uint8Array | undefined)[];

const LENGTH_BYTES = 4;
const NOT_THERE = 0xffffffff;

export function cellsOf(row: Row): Cells {
  return row.columns.map((_, i) => row.bytes(i));
}

export function packCells(cells: Cells): Buffer {
  const head = Buffer.alloc(cells.length * LENGTH_BYTES);
  for (const [i, cell] of cells.entries()) head.writeUInt32BE(cell?.length ?? NOT_THERE, i * LENGTH_BYTES);
  return Buffer.concat([head, ...cells.filter((cell) => cell !== undefined)]);
}

/** @param columns how many were packed */
export function unpackCells(bytes: Uint8Array, columns: number): Cells {
  const packed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = columns * LENGTH_BYTES;
  return Array.from({ length: columns }, (_, i) => {
    const length = packed.readUInt32BE(i * LENGTH_BYTES);
    if (length === NOT_THERE) return undefined;
    at += length;
    return packed.subarray(at - length, at);
  });
}

export const sameCell = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
