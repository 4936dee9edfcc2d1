/**
 * Cuts a byte stream into frames: `size int32 · bytes`. Holds only what has arrived: nothing is allocated by a declared
 * size.
 */
import { takeFrame } from '../wire/buffer-pool.ts';
import { malformed } from '../wire/primitives.ts';

const SIZE_BYTES = 4;
const EMPTY = Buffer.alloc(0);

export class FrameReader {
  /** Largest frame from now on, in bytes without the size field. */
  maxBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Size of the frame that is arriving; -1 while its size field is incomplete. */
  #declared = -1;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** Declared size of the frame that has begun to arrive; 0 between frames and inside a size field. */
  get arrivingBytes(): number {
    return Math.max(0, this.#declared);
  }

  /** Whether a frame has begun and is not complete. */
  get incomplete(): boolean {
    return this.#buffered > 0 || this.#declared >= 0;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /** The next whole frame, or null. Throws `kafka.malformed` for a size that is not allowed. */
  next(): Buffer | null {
    if (this.#declared < 0) {
      if (this.#buffered < SIZE_BYTES) return null;
      const declared = this.#take(SIZE_BYTES).readInt32BE(0);
      if (declared < 0 || declared > this.maxBytes) throw malformed(`frame of ${declared} bytes`, 0);
      this.#declared = declared;
    }
    if (this.#buffered < this.#declared) return null;
    const frame = this.#take(this.#declared);
    this.#declared = -1;
    return frame;
  }

  /** The first `length` bytes: a view where one chunk has them all. */
  #take(length: number): Buffer {
    if (length === 0) return EMPTY;
    const first = this.#chunks[0]!;
    this.#buffered -= length;
    if (first.length >= length) {
      this.#drop(0, first, length);
      return first.subarray(0, length);
    }
    const taken = takeFrame(length);
    let at = 0;
    let used = 0;
    while (at < length) {
      const chunk = this.#chunks[used]!;
      const part = Math.min(chunk.length, length - at);
      chunk.copy(taken, at, 0, part);
      at += part;
      if (at === length) this.#drop(used, chunk, part);
      else used++;
    }
    return taken;
  }

  /** Forgets the first `used` chunks and the first `length` bytes of `chunk`, which follows them. */
  #drop(used: number, chunk: Buffer, length: number): void {
    if (chunk.length === length) {
      this.#chunks.splice(0, used + 1);
    } else {
      this.#chunks.splice(0, used);
      this.#chunks[0] = chunk.subarray(length);
    }
  }
}
