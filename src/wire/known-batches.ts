/**
 * Batches whose checksum this process has just computed or compared: comparing it again would find nothing. What is done with
 * them afterwards is checked all the same: a frame of the write-ahead log has a checksum of its own, over all that it holds, and
 * whoever reads a batch from disk compares the batch's.
 */

const known = new WeakSet<Uint8Array>();

/** Of shorter ones the checksum costs less than remembering them. */
const KNOWN_FROM_BYTES = 16 << 10;

/** @param batch one that is whole and valid; its bytes from the checksum on are not changed any more. The object counts, not the bytes */
export function rememberValid<Batch extends Uint8Array>(batch: Batch): Batch {
  if (batch.length >= KNOWN_FROM_BYTES) known.add(batch);
  return batch;
}

export function isKnownValid(batch: Uint8Array): boolean {
  return batch.length >= KNOWN_FROM_BYTES && known.has(batch);
}
