/** Two processes that feed one target: the first is stopped, the second takes over, then the first goes on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TailraceError } from '../../src/contracts/errors.ts';
import type { ChildJob } from './sink-child.ts';

const CHILD = fileURLToPath(new URL('sink-child.ts', import.meta.url));
const POLL_MS = 10;

type Work = Pick<ChildJob, 'total' | 'size'> & { readonly stopAt: number };

/** Resolves to the code of the error that ended the first process; an empty string when nothing stopped it. */
export async function raceWithStale(job: Pick<ChildJob, 'type' | 'config'>, work: Work): Promise<string> {
  const { stopAt, ...rest } = work;
  const stale = start({ ...job, ...work, epoch: 1 });
  try {
    let output = '';
    stale.stdout!.on('data', (text) => (output += String(text)));
    const ended = once(stale, 'close');
    await untilStopped(stale);
    const [code] = await once(start({ ...job, ...rest, epoch: 2 }), 'close');
    if (code !== 0) throw new TailraceError('internal.bug', `the second instance ended with ${code}`);
    stale.kill('SIGCONT');
    await ended;
    return output.trim();
  } finally {
    stale.kill('SIGKILL');
  }
}

function start(job: ChildJob): ChildProcess {
  return spawn(process.execPath, [CHILD, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'ignore'] });
}

/** The state of a process is the first letter behind its name (proc_pid_stat(5)); `T`: stopped. */
async function untilStopped(child: ChildProcess): Promise<void> {
  for (;;) {
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8').catch(() => '');
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')) return;
    if (stat === '' || child.exitCode !== null)
      throw new TailraceError('internal.bug', 'the first instance ended early');
    await sleep(POLL_MS);
  }
}
