/**
 * Large buffers in which batches are built, and those in which clients' requests are received. Fresh memory costs more than
 * building a batch in it, and V8 collects its whole heap for each 64 MiB of it; so a few buffers are used in turn. A batch that
 * nearly fills its buffer is handed out in it, and the buffer comes back when the log has the batch on disk; smaller batches are
 * copied out.
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

/** Sizes of buffers for requests: each leaves no more than three tenths to spare for what does not fit into the last. */
const FRAME_SIZES = [92, 131, 188, 268, 383, 547, 782, 1118].map((kib) => kib << 10);
const FRAMES_FROM_BYTES = 64 << 10;
/** Most that is kept for later requests (Invariant 10). */
const MAX_IDLE_FRAME_BYTES = 16 << 20;

const idleFrames = new Map<number, ArrayBufferLike[]>(FRAME_SIZES.map((size) => [size, []]));
let idleFrameBytes = 0;
const frames = new WeakSet<ArrayBufferLike>();

/** So many bytes, holding anything, for a request. They come back by `lendFrame` and `recycleBatch`, or never. */
export function takeFrame(bytes: number): Buffer {
  const size = bytes < FRAMES_FROM_BYTES ? undefined : FRAME_SIZES.find((candidate) => candidate >= bytes);
  if (size === undefined) return Buffer.allocUnsafeSlow(bytes);
  const idle = idleFrames.get(size)!.pop();
  if (idle !== undefined) {
    idleFrameBytes -= size;
    return Buffer.from(idle as ArrayBuffer, 0, bytes);
  }
  const fresh = Buffer.allocUnsafeSlow(size);
  frames.add(fresh.buffer);
  return fresh.subarray(0, bytes);
}

/** The batch is all of its request that is still to be used: whoever recycles it gives back the request's memory. */
export function lendFrame({ buffer }: Uint8Array): void {
  if (frames.has(buffer)) lent.add(buffer);
}

/** Whether the memory of the batch is used again when it is recycled. */
export function isLent({ buffer }: Uint8Array): boolean {
  return lent.has(buffer);
}

/**
 * For who owns a batch, and has seen to it that nothing refers to its bytes any more.
 * @returns whether other bytes may be there from now on
 */
export function recycleBatch({ buffer }: Uint8Array): boolean {
  if (!lent.delete(buffer)) return false;
  if (!frames.has(buffer)) returnBuffer(Buffer.from(buffer as ArrayBuffer));
  else if (idleFrameBytes + buffer.byteLength <= MAX_IDLE_FRAME_BYTES) {
    idleFrames.get(buffer.byteLength)!.push(buffer);
    idleFrameBytes += buffer.byteLength;
  }
  return true;
}
