/**
 * Large buffers in which batches are built. Fresh memory costs more than building a batch in it: a few buffers that stay in
 * the processor's cache are used in turn, and finished batches are copied out in one go. Nobody outside ever holds one.
 */

/** Holds a batch as large as batches usually get. */
const BUFFER_BYTES = 640 << 10;
const MAX_POOLED = 4;

const pool: Buffer[] = [];

/** Smallest size for which a pooled buffer is worth it. */
export const POOLED_FROM_BYTES = 128 << 10;

/** A buffer of at least this size, holding anything. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes < POOLED_FROM_BYTES || bytes > BUFFER_BYTES) return Buffer.allocUnsafeSlow(bytes);
  return pool.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
}

/** Call when nothing refers to the buffer any more. */
export function returnBuffer(buffer: Buffer): void {
  if (buffer.length === BUFFER_BYTES && pool.length < MAX_POOLED) pool.push(buffer);
}
