/**
 * Large buffers in which batches are built. Fresh memory costs more than building a batch in it, so a few buffers are used in
 * turn. A batch that nearly fills its buffer is handed out in it, and the buffer comes back when the log has the batch on
 * disk; smaller batches are copied out.
 */

/** Holds a batch as large as batches usually get. */
const BUFFER_BYTES = 640 << 10;
const MAX_POOLED = 32;

const pool: Buffer[] = [];
/** Memory of batches that were handed out. */
const lent = new WeakSet<ArrayBufferLike>();

/** Smallest size for which a pooled buffer is worth it. */
export const POOLED_FROM_BYTES = 128 << 10;
/** From here on copying a batch costs more than lending its buffer wastes. */
const LENT_FROM_BYTES = 448 << 10;

/** A buffer of at least this size, holding anything. */
export function takeBuffer(bytes: number): Buffer {
  if (bytes < POOLED_FROM_BYTES || bytes > BUFFER_BYTES) return Buffer.allocUnsafeSlow(bytes);
  return pool.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
}

/** Call when nothing refers to the buffer any more. */
export function returnBuffer(buffer: Buffer): void {
  if (buffer.length === BUFFER_BYTES && pool.length < MAX_POOLED) pool.push(buffer);
}

/** The first bytes of a buffer in it, or null when they are to be copied out. */
export function lendBuffer(buffer: Buffer, bytes: number): Buffer | null {
  if (buffer.length !== BUFFER_BYTES || bytes < LENT_FROM_BYTES) return null;
  lent.add(buffer.buffer);
  return buffer.subarray(0, bytes);
}

/** For who owns a batch, and has seen to it that nothing refers to its bytes any more. */
export function recycleBatch({ buffer }: Uint8Array): void {
  if (lent.delete(buffer)) returnBuffer(Buffer.from(buffer as ArrayBuffer));
}
