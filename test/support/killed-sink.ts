/** Runs `sink-child.ts` again and again, killed at a failpoint each time, until it reaches the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { TailraceError } from '../../src/contracts/errors.ts';
import type { ChildJob } from './sink-child.ts';

const CHILD = fileURLToPath(new URL('sink-child.ts', import.meta.url));

/** Resolves to the number of times the process was killed. */
export async function feedWithKills(job: Omit<ChildJob, 'epoch'>, failpoints: readonly string[]): Promise<number> {
  for (const [epoch, failpoint] of [...failpoints, ''].entries()) {
    const env = { ...process.env, TAILRACE_FAILPOINT: failpoint };
    const argument = JSON.stringify({ ...job, epoch: epoch + 1 });
    const child = spawn(process.execPath, [CHILD, argument], { env, stdio: ['ignore', 'inherit', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (text) => (errors += String(text)));
    const [code, signal] = await once(child, 'close');
    if (failpoint === '' ? code !== 0 : signal !== 'SIGKILL') {
      throw new TailraceError('internal.bug', `child ended with ${code ?? signal} at "${failpoint}": ${errors}`);
    }
  }
  return failpoints.length;
}
