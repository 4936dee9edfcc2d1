import { expect, test } from 'vitest';
import { TailraceError } from '../contracts/errors.ts';
import type { CopyReport, Progress } from '../contracts/log-tools.ts';
import { LogBackup } from './backup.ts';

const REPORT: CopyReport = { files: 3, bytes: 10, unreadable: [] };

/** Backups whose course the test decides. */
function scripted() {
  const calls: { directory: string; progress: Progress; end: PromiseWithResolvers<CopyReport> }[] = [];
  let nowMs = 1_000;
  const control = new LogBackup(
    (directory, progress, signal) => {
      const end = Promise.withResolvers<CopyReport>();
      signal.addEventListener('abort', () => end.reject(signal.reason));
      calls.push({ directory, progress, end });
      return end.promise;
    },
    { now: () => nowMs++ },
  );
  return { control, calls };
}

test('one at a time, with progress, and its report', async () => {
  const { control, calls } = scripted();
  expect(control.backup()).toBe(null);
  control.startBackup('/a');
  calls[0]!.progress(4, 10);
  expect(control.backup()).toMatchObject({ directory: '/a', state: 'running', doneBytes: 4, totalBytes: 10 });
  expect(() => control.startBackup('/b')).toThrow(expect.objectContaining({ code: 'log.backup_running' }));
  calls[0]!.end.resolve(REPORT);
  await expect.poll(() => control.backup()).toMatchObject({ state: 'done', report: REPORT, endedMs: 1_001 });
  control.startBackup('/b');
  expect(control.backup()).toMatchObject({ directory: '/b', state: 'running', report: null });
});

test('cancelled, and failed with what to do', async () => {
  const { control, calls } = scripted();
  expect(control.cancelBackup()).toBe(false);
  control.startBackup('/a');
  expect(control.cancelBackup()).toBe(true);
  await expect.poll(() => control.backup()).toMatchObject({ state: 'cancelled', problem: null });
  control.startBackup('/b');
  calls[1]!.end.reject(new TailraceError('log.unwritable', 'full', { remedy: 'make room' }));
  const problem = { code: 'log.unwritable', message: 'full', remedy: 'make room' };
  await expect.poll(() => control.backup()).toMatchObject({ state: 'failed', problem });
  control.startBackup('/c');
  calls[2]!.end.reject(new Error('row value'));
  await expect.poll(() => control.backup()).toMatchObject({ state: 'failed', problem: { code: 'internal.bug' } });
  expect(JSON.stringify(control.backup())).not.toContain('row value');
});
