/** Programs of the machine that the servers need. */
import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Path of the first of these programs that is on PATH. */
export async function onPath(...names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    for (const directory of (process.env.PATH ?? '').split(delimiter)) {
      if (directory !== '' && (await executable(join(directory, name)))) return join(directory, name);
    }
  }
  return null;
}

function executable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs?: number;
}

/** What the program printed on both outputs. Rejects on an exit code other than 0, with the end of the output. */
export async function output(
  program: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 600_000 }: RunOptions = {},
): Promise<string> {
  const { stdout, stderr } = await execute(program, args, {
    timeout: timeoutMs,
    maxBuffer: 1 << 26,
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
  });
  return stdout + stderr;
}
