/** Makes the index of a segment from its batches. */
import type { OpenFile } from '../lib/files.ts';
import { batchPlaces, placeOf } from './segment-batches.ts';
import { SegmentIndex } from './segment-index.ts';
import { type SegmentSpan, walkSegment } from './segment-walk.ts';

/** The index, completed up to `size`: by the batches' headers, and where those do not follow one another by all of the bytes. */
export async function completeIndex(
  index: SegmentIndex,
  file: OpenFile,
  base: bigint,
  span: SegmentSpan,
): Promise<SegmentIndex> {
  const last = index.block(index.length - 1) ?? { offset: base, position: 0 };
  let expected = last.offset;
  for await (const place of batchPlaces(file, last.position, span.size)) {
    if (place.base !== expected) break;
    if (place.position >= index.covered) index.add(place.base, place.size, place.maxTime);
    expected = place.next;
  }
  return index.covered >= span.size ? index : indexOfWhole(file, base, span);
}

async function indexOfWhole(file: OpenFile, base: bigint, span: SegmentSpan): Promise<SegmentIndex> {
  const index = new SegmentIndex(base);
  for await (const step of walkSegment(file, span, { position: 0, offset: base })) {
    if (step.batch === null) continue;
    const { bytes } = step.batch;
    index.skipTo(step.position);
    index.add(step.batch.base, bytes.length, placeOf(bytes, 0, step.position).maxTime);
  }
  // Bytes that are no batch: a read of them says so.
  index.skipTo(span.size);
  return index;
}
