/** One capture in a process of its own: reads the binary log, or the table, to the end into a log on disk, then reports. */
import { source } from '../connectors/mysql/index.ts';
import type { MysqlCaptureTask } from './capture-mysql.ts';
import { capture } from './capture-process.ts';

const task = JSON.parse(process.argv[2]!) as MysqlCaptureTask;

// Loaded when first used; what is timed begins with them loaded.
await Promise.all([import('../connectors/mysql/reader.ts'), import('../connectors/mysql/source-check.ts')]);
await capture({
  dataDir: task.dataDir,
  source: { manifest: source, config: source.config.parse({ url: task.url }), tables: [task.table] },
  position: task.position,
  isDone: ({ rows }) => rows >= task.rows,
});
