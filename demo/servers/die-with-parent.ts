import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Ends `child` when this process ends in any way, SIGKILL included: a shell holds the reading end of a pipe whose other
 * end is ours, and when that closes sends SIGTERM, then SIGKILL. The child stays a direct one, so its exit signal is seen.
 */
export function dieWithParent(child: ChildProcess): void {
  if (child.pid === undefined) return;
  const script = 'cat >/dev/null; kill -TERM "$1" && sleep 5 && kill -KILL "$1"';
  const watcher = spawn('/bin/sh', ['-c', script, 'watcher', String(child.pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.on('error', () => {});
  watcher.stdin.on('error', () => {});
  watcher.unref();
  (watcher.stdin as { unref?: () => void }).unref?.();
  child.once('exit', () => watcher.kill('SIGKILL'));
}
