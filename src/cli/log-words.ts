/** What the commands on a stopped log share. */
import { resolve } from 'node:path';
import { TailraceError } from '../contracts/errors.ts';
import type { LogReport, Progress } from '../contracts/log-tools.ts';
import { printable } from '../lib/printable.ts';
import type { CommandContext, Outcome } from './command.ts';
import { bytes, counted, table } from './format.ts';
import type { Io } from './io.ts';
import type { Style } from './style.ts';

export const STOPPED_DETAILS = 'For a stopped instance: refused while one runs on the data directory.';

/** How far it is, on a terminal; the line is gone when `run` has ended. */
export async function withProgress<T>(
  { stderr }: Io,
  word: string,
  run: (progress: Progress) => Promise<T>,
): Promise<T> {
  if (!stderr.isTty) return run(() => {});
  let shown = '';
  const clear = () => stderr.write(`\r${' '.repeat(shown.length)}\r`);
  try {
    return await run((done, total) => {
      const text = `${word} ${bytes(done)} of ${bytes(total)}`;
      // Only what a person would see to change.
      if (text === shown) return;
      clear();
      stderr.write(text);
      shown = text;
    });
  } finally {
    if (shown !== '') clear();
  }
}

/** A directory that the words name. Throws `cli.usage`. */
export function directoryOf({ words, io }: CommandContext, command: string, what: string): string {
  const [word] = words;
  if (word !== undefined && word !== '') return resolve(io.cwd, word);
  throw new TailraceError('cli.usage', `tailrace ${command} needs the directory ${what}`, {
    remedy: `tailrace ${command} --help`,
  });
}

export function isSound({ unreadable, lostCommits }: LogReport): boolean {
  return unreadable.length === 0 && lostCommits === 0;
}

/** Exit code 1 when records are lost. */
export function reportOutcome(report: LogReport, done: string): Outcome {
  const sound = isSound(report);
  const held = `${counted(report.batches, 'batch').replace('batchs', 'batches')} in ${counted(report.topics, 'topic')}`;
  const lost = `${counted(report.unreadable.length, 'range')} of records cannot be read`;
  const summary = `${done}: ${held}, ${bytes(report.bytes)}${sound ? '' : `; ${lost}`}`;
  const text = (style: Style) => `${reportText(report, style)}${summary}\n`;
  return { exitCode: sound ? 0 : 1, summary, result: report, text };
}

function reportText(report: LogReport, { signs }: Style): string {
  const rows = report.unreadable.map(({ topic, partition, from, to }) => [topic, String(partition), from, to]);
  const ranges = rows.length === 0 ? '' : table([['topic', 'partition', 'from', 'to'], ...rows], 2);
  const commits = report.lostCommits === 0 ? '' : `${signs.problem} ${counted(report.lostCommits, 'commit')} lost\n`;
  const head =
    rows.length === 0 ? `${signs.ok} every record can be read\n` : `${signs.problem} records that are lost\n`;
  const remedy = isSound(report)
    ? ''
    : `  ${signs.arrow} restore a backup, or go on without them: they keep their offsets\n`;
  const notes = report.notes.map((note) => `${signs.warning} ${printable(note)}\n`).join('');
  return `${head}${ranges}${commits}${remedy}${notes}`;
}
