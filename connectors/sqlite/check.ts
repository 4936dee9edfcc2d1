/** Pre-flight of the `sqlite` sink. Changes nothing. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { writeObstacle } from '../../src/lib/writable-path.ts';
import type { Finding, SinkOpenOptions } from '../../src/sdk/index.ts';
import type { SqliteConfig } from './config.ts';
import { asSinkError } from './errors.ts';

export async function checkSqlite({ config }: SinkOpenOptions<SqliteConfig>): Promise<readonly Finding[]> {
  const path = resolve(config.path);
  const problem = (message: string, remedy: string): Finding[] => [
    { level: 'problem', message, remedy, path: ['path'] },
  ];
  // The directory counts as well: SQLite makes its -wal and -shm files there.
  const obstacle = await writeObstacle(path);
  if (obstacle !== null) return problem(obstacle.message, obstacle.remedy);
  if (existsSync(path)) {
    try {
      using database = new DatabaseSync(path, { readOnly: true });
      database.prepare('SELECT count(*) FROM sqlite_schema').get();
    } catch (error) {
      const { message, remedy } = asSinkError(error, path);
      return problem(message, remedy ?? 'wait until the other process has ended its transaction');
    }
  }
  return [{ level: 'ok', message: `${path} can be written` }];
}
