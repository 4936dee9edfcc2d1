/** CRC-32C (Castagnoli, RFC 3720 § 12.1) in plain JavaScript: eight bytes a step, about a fifth of the native speed. */

const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;
const tables = makeTables();

/** Table k holds the CRC of a byte followed by k zero bytes. */
function makeTables(): Int32Array {
  const table = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let i = 256; i < table.length; i++) {
    const shorter = table[i - 256]!;
    table[i] = (shorter >>> 8) ^ table[shorter & 0xff]!;
  }
  return table;
}

/** @param previous CRC of the bytes before these. */
export function tableCrc32c(bytes: Uint8Array, previous = 0): number {
  const t = tables;
  let crc = ~previous;
  let at = 0;
  for (const end = bytes.length - 7; at < end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      t[1792 + (crc & 0xff)]! ^
      t[1536 + ((crc >>> 8) & 0xff)]! ^
      t[1280 + ((crc >>> 16) & 0xff)]! ^
      t[1024 + (crc >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
