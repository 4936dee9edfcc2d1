import type { AnswerCommand } from '../command.ts';
import { bytes, counted } from '../format.ts';
import { dataDirOf, INSTANCE_OPTIONS } from '../instance.ts';
import { directoryOf, STOPPED_DETAILS, withProgress } from '../log-words.ts';

export const logBackup: AnswerCommand = {
  kind: 'answer',
  name: 'log backup',
  summary: 'copy the log to another directory',
  arguments: 'DIR',
  details: `The directory appears when the copy is whole, on disk and can be opened. ${STOPPED_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 1,
  async run(context) {
    const target = directoryOf(context, 'log backup', 'to copy to');
    const dir = await dataDirOf(context);
    const logTools = await (await context.app()).logTools();
    const copied = await withProgress(context.io, 'copied', (progress) => logTools.backup(dir, target, progress));
    const summary = `copied ${counted(copied.files, 'log file')}, ${bytes(copied.bytes)}`;
    return { exitCode: 0, summary, result: { ...copied, to: target }, text: () => `${summary}\n` };
  },
};
