/** Another program, run to its end. */
import { spawn } from 'node:child_process';

export interface ProgramEnd {
  /** Null: it could not be started, or was killed. */
  readonly code: number | null;
  /** What it printed on both outputs, the end of it. */
  readonly output: string;
  /** There is no such program. */
  readonly isMissing: boolean;
}

/** Of a program that prints without end only this much is kept, in UTF-16 code units. */
const MAX_OUTPUT = 1 << 20;

export interface ProgramOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** It is killed after so long. */
  readonly timeoutMs: number;
}

/** Never rejects. Nothing is read from standard input. */
export function runProgram(program: string, args: readonly string[], options: ProgramOptions): Promise<ProgramEnd> {
  const { cwd, env, timeoutMs } = options;
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, env, timeout: timeoutMs, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (text: string) => {
      output = (output + text).slice(-MAX_OUTPUT);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ code: null, output, isMissing: error.code === 'ENOENT' });
    });
    child.once('close', (code) => resolve({ code, output, isMissing: false }));
  });
}
