/** Files of segments that are no part of the log: a process died between making or dropping a segment and saying so. */
import { join } from 'node:path';
import type { Files } from '../lib/files.ts';
import { segmentName } from './segment.ts';
import type { LogState } from './state.ts';

const SEGMENT_FILE = /^(\d{20}(?:\.\d+)?)\.(?:log|index)$/;

/** Only while nothing is written, and when a snapshot on disk says what the log holds. */
export async function removeStrayFiles(state: LogState, files: Files): Promise<void> {
  for (const { dir, segments } of state.partitions()) {
    const names = new Set(segments.map(({ base, generation }) => segmentName(base, generation)));
    for (const file of await files.list(dir)) {
      const name = SEGMENT_FILE.exec(file)?.[1];
      if (name !== undefined && !names.has(name)) await files.remove(join(dir, file));
    }
  }
}
