import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where a data directory keeps a partition: its name goes on with the id of the topic. */
export function partitionFolder(dir: string, topic: string, partition: number): string {
  const folder = readdirSync(join(dir, 'topics')).find((name) => name.startsWith(`${topic}-${partition}.`));
  if (folder === undefined) throw new Error(`${dir} has no folder for ${topic}-${partition}`);
  return join(dir, 'topics', folder);
}
