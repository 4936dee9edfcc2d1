import { setTimeout as sleep } from 'node:timers/promises';
import { TailraceError, toldError } from '../../contracts/errors.ts';
import type { BackupStatus } from '../../contracts/log-backup.ts';
import type { CopyReport, Progress } from '../../contracts/log-tools.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { bytes, counted } from '../format.ts';
import { call, dataDirOf, INSTANCE_OPTIONS } from '../instance.ts';
import { directoryOf, withProgress } from '../log-words.ts';

const POLL_MS = 200;
const PATH = '/log/backup';

export const logBackup: AnswerCommand = {
  kind: 'answer',
  name: 'log backup',
  summary: 'copy the log to another directory',
  arguments: 'DIR',
  details: `The directory appears when the copy is whole, on disk and can be opened. Of a running instance it is the log as it was at one
moment of the copy, commit for commit, while commits go on; the instance does it, over its HTTP API, and Ctrl-C cancels it.
\`tailrace log restore\` makes a data directory of it.`,
  options: {
    cancel: { type: 'boolean', summary: 'end the backup that a running instance makes, and nothing else' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  run: (context) => (context.options.cancel === true ? cancel(context) : backUp(context)),
};

async function backUp(context: CommandContext): Promise<Outcome> {
  const target = directoryOf(context, 'log backup', 'to copy to');
  const dir = await dataDirOf(context);
  const logTools = await (await context.app()).logTools();
  const copied = await withProgress(context.io, 'copied', (progress) =>
    logTools.backup(dir, target, progress).catch((error: unknown) => {
      if (!(error instanceof TailraceError) || error.code !== 'log.locked') throw error;
      return backUpRunning(context, target, progress, error);
    }),
  );
  const { unreadable } = copied;
  const lost = unreadable.length === 0 ? '' : `; ${counted(unreadable.length, 'range')} of records cannot be read`;
  const summary = `copied ${counted(copied.files, 'log file')}, ${bytes(copied.bytes)}${lost}`;
  const text = () => `${summary}\n`;
  return { exitCode: lost === '' ? 0 : 1, summary, result: { ...copied, to: target }, text };
}

/** @param locked thrown when the process that uses the directory has no API */
async function backUpRunning(
  context: CommandContext,
  directory: string,
  progress: Progress,
  locked: TailraceError,
): Promise<CopyReport> {
  let status = await call<BackupStatus>(context, { method: 'POST', path: PATH, body: { directory } }).catch(
    (error: unknown) => {
      throw error instanceof TailraceError && error.code === 'instance.not_running' ? locked : error;
    },
  );
  const release = context.io.onSignal(() => void remove(context).catch(() => {}));
  try {
    for (; status.state === 'running'; await sleep(POLL_MS)) {
      progress(status.doneBytes, status.totalBytes);
      status = await call<BackupStatus>(context, { method: 'GET', path: PATH });
    }
  } finally {
    release();
  }
  if (status.report === null) throw failure(status);
  return status.report;
}

function failure({ problem, directory }: BackupStatus): TailraceError {
  if (problem === null) return new TailraceError('log.closed', `the backup to ${directory} was cancelled`);
  return toldError(problem, 'internal.bug');
}

async function cancel(context: CommandContext): Promise<Outcome> {
  const { cancelled } = await remove(context);
  const summary = cancelled ? 'cancelled' : 'nothing was under way';
  return { exitCode: cancelled ? 0 : 3, summary, result: { cancelled }, text: () => `${summary}\n` };
}

function remove(context: CommandContext): Promise<{ cancelled: boolean }> {
  return call(context, { method: 'DELETE', path: PATH });
}
