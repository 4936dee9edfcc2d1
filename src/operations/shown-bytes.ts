/** Keys, values and headers of records as JSON shows them, and back. */
import type { ShownBytes } from '../contracts/operations.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Exact: what is no UTF-8 text becomes base64 (Invariant 9). */
export function shownBytes(bytes: Uint8Array | null): ShownBytes {
  if (bytes === null) return null;
  try {
    return utf8.decode(bytes);
  } catch {
    return { $bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64') };
  }
}

export function bytesOf(shown: ShownBytes): Buffer | null {
  if (shown === null) return null;
  return typeof shown === 'string' ? Buffer.from(shown) : Buffer.from(shown.$bytes, 'base64');
}
