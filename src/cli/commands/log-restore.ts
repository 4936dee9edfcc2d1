import type { AnswerCommand } from '../command.ts';
import { bytes, counted } from '../format.ts';
import { dataDirOf, INSTANCE_OPTIONS } from '../instance.ts';
import { directoryOf, withProgress } from '../log-words.ts';

export const logRestore: AnswerCommand = {
  kind: 'answer',
  name: 'log restore',
  summary: 'make the data directory of a backup',
  arguments: 'BACKUP',
  details: `The data directory must not exist or be empty; it appears when the copy is whole and can be opened. The log gets a new
lineage: a sink whose target was written to after the backup stops with a gap instead of taking its position for right.`,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  async run(context) {
    const backup = directoryOf(context, 'log restore', 'of the backup');
    const dir = await dataDirOf(context);
    const logTools = await (await context.app()).logTools();
    const copied = await withProgress(context.io, 'copied', (progress) => logTools.restore(backup, dir, progress));
    const summary = `restored ${counted(copied.files, 'log file')}, ${bytes(copied.bytes)}`;
    return { exitCode: 0, summary, result: { ...copied, to: dir }, text: () => `${summary}\n` };
  },
};
