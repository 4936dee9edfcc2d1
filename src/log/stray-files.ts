/** Files that are no part of the log: a process died between making or dropping a segment or a topic and saying so. */
import { basename, join } from 'node:path';
import type { Files } from '../lib/files.ts';
import type { OpenFiles } from './open-files.ts';
import { segmentName } from './segment.ts';
import type { LogState } from './state.ts';

const SEGMENT_FILE = /^(\d{20}(?:\.\d+)?)\.(?:log|index)$/;
/** Of a partition, with the id of its topic or, as formats 1 and 2 made them, without. */
const PARTITION_DIRECTORY = /-\d+(?:\.[0-9a-f]{32})?$/;

/** Only while nothing is written, and when a snapshot on disk says what the log holds. */
export async function removeStrayFiles(state: LogState, files: Files, topicsDir: string): Promise<void> {
  const known = new Set<string>();
  for (const { dir, segments } of state.partitions()) {
    known.add(basename(dir));
    const names = new Set(segments.map(({ base, generation }) => segmentName(base, generation)));
    for (const file of await files.list(dir)) {
      const name = SEGMENT_FILE.exec(file)?.[1];
      if (name !== undefined && !names.has(name)) await files.remove(join(dir, file));
    }
  }
  for (const name of await files.list(topicsDir)) {
    if (PARTITION_DIRECTORY.test(name) && !known.has(name)) {
      await removePartitionFiles(join(topicsDir, name), files, state.open);
    }
  }
}

/** Of a partition that is gone; who reads in them now goes on. A directory with anything else in it stays. */
export async function removePartitionFiles(dir: string, files: Files, open: OpenFiles): Promise<void> {
  const names = await files.list(dir);
  for (const name of names) if (SEGMENT_FILE.test(name)) await open.remove(join(dir, name));
  if (names.every((name) => SEGMENT_FILE.test(name))) await files.removeDirectory(dir);
}
