/** Pre-flight of the `file` sink. Changes nothing. */
import { resolve } from 'node:path';
import { writeObstacle } from '../../src/lib/writable-path.ts';
import type { Finding, SinkOpenOptions } from '../../src/sdk/index.ts';
import type { FileConfig } from './config.ts';
import { asSinkError } from './errors.ts';
import { readState, statePath } from './state-file.ts';

export async function checkFile({ config, id }: SinkOpenOptions<FileConfig>): Promise<readonly Finding[]> {
  const path = resolve(config.path);
  const problem = (message: string, remedy: string): Finding[] => [
    { level: 'problem', message, remedy, path: ['path'] },
  ];
  const obstacle = await writeObstacle(path.replace(/\{.*/s, '_'));
  if (obstacle !== null) return problem(obstacle.message, obstacle.remedy);
  try {
    const state = await readState(path);
    if (state !== null && state.sink !== id) {
      return problem(`${path} belongs to the sink ${state.sink}`, 'choose another `path`: a file has one writer');
    }
  } catch (error) {
    const { message, remedy } = asSinkError(error, statePath(path));
    return problem(message, remedy ?? 'try again when the disk answers');
  }
  return [{ level: 'ok', message: `${path} can be written` }];
}
