/** One capture in a process of its own: reads the given slot to the end into a log on disk, then reports. */
import { source } from '../connectors/postgres/index.ts';
import type { CaptureTask } from './capture.ts';
import { capture } from './capture-process.ts';
import { startPosition } from './start-position.ts';

const task = JSON.parse(process.argv[2]!) as CaptureTask;
const end = task.endLsn === null ? null : lsnNumber(task.endLsn);

function lsnNumber(text: string): number {
  const [high, low] = text.split('/');
  return Number.parseInt(high!, 16) * 2 ** 32 + Number.parseInt(low!, 16);
}

// Loaded when first used; what is timed begins with them loaded.
await Promise.all([import('../connectors/postgres/reader.ts'), import('../connectors/postgres/source-check.ts')]);
await capture({
  dataDir: task.dataDir,
  source: {
    manifest: source,
    config: source.config.parse({ url: task.url, slot: task.slot, publication: task.publication }),
    tables: [task.table],
  },
  position: end === null ? null : await startPosition(task),
  isDone({ position, rows }) {
    if (end === null) return rows >= task.rows;
    const lsn = (position as { lsn?: string } | null)?.lsn;
    return lsn !== undefined && lsnNumber(lsn) >= end;
  },
});
