/** Finds the frames of one use of a write-ahead file, also behind and inside bytes that do not verify. */
import { type FrameHead, frameData, MAGIC, readFrameHead, verifyData } from './frame.ts';
import { MAGIC_V1, readFrameV1 } from './frame-v1.ts';

export interface ScannedFrame {
  readonly head: FrameHead;
  /** The batches; null when they are cut off. */
  readonly data: readonly Buffer[] | null;
  /** They are what was written. */
  readonly isWhole: boolean;
}

/** @param from where the first frame begins */
export function scanFrames(bytes: Buffer, from: number, seed: number): ScannedFrame[] {
  const frames: ScannedFrame[] = [];
  let last = -1;
  /** Where the next frame begins if nothing is damaged. */
  let expected = from;
  for (let at = from; (at = nextMagic(bytes, at, MAGIC)) >= 0; ) {
    const head = readFrameHead(bytes, at, seed);
    if (head === null) {
      at++;
      continue;
    }
    const isFirst = at === expected;
    at += head.headBytes;
    // The second head of a frame that was found by its first.
    if (head.sequence !== last) {
      const frame = frameAround(bytes, at, head, seed, isFirst);
      frames.push(frame);
      if (frame.isBehind) at += head.dataBytes;
      last = head.sequence;
    }
    expected = at;
  }
  return frames.length === 0 ? scanV1(bytes, from, seed) : frames;
}

/** The head that ends at `at` is the first or, when that one is damaged, the second of its frame. */
function frameAround(
  bytes: Buffer,
  at: number,
  head: FrameHead,
  seed: number,
  isFirst: boolean,
): ScannedFrame & { readonly isBehind: boolean } {
  const behind = frameData(bytes, at, head);
  if (behind !== null && verifyData(behind, head, seed)) return { head, data: behind, isWhole: true, isBehind: true };
  const before = isFirst ? null : frameData(bytes, at - head.headBytes - head.dataBytes, head);
  if (before === null) return { head, data: behind, isWhole: false, isBehind: behind !== null };
  return { head, data: before, isWhole: verifyData(before, head, seed), isBehind: false };
}

function scanV1(bytes: Buffer, from: number, seed: number): ScannedFrame[] {
  const frames: ScannedFrame[] = [];
  for (let at = from; (at = nextMagic(bytes, at, MAGIC_V1)) >= 0; ) {
    const head = readFrameV1(bytes, at, seed);
    if (head === null) {
      at++;
      continue;
    }
    frames.push({ head, data: frameData(bytes, at + head.headBytes, head), isWhole: true });
    at += head.headBytes + head.dataBytes;
  }
  return frames;
}

function nextMagic(bytes: Buffer, from: number, magic: number): number {
  if (from + 4 <= bytes.length && bytes.readUInt32LE(from) === magic) return from;
  const text = Buffer.alloc(4);
  text.writeUInt32LE(magic);
  return bytes.indexOf(text, from);
}
