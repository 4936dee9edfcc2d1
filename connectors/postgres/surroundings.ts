/** What a connection takes from around the process: variables, files of the user. */
import { readFile, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Home directory. */
  readonly home: string;
  /** Name of the user of the operating system. */
  readonly user: string;
  /** Rejects with the code ENOENT for a file that does not exist. */
  readText(path: string): Promise<string>;
  /** Permission bits and owner. Rejects as `readText`. */
  access(path: string): Promise<{ readonly mode: number; readonly uid: number }>;
}

export function ourSurroundings(): Surroundings {
  return {
    env: process.env,
    home: homedir(),
    user: userInfo().username,
    readText: (path) => readFile(path, 'utf8'),
    access: async (path) => {
      const { mode, uid } = await stat(path);
      return { mode: mode & 0o777, uid };
    },
  };
}
