import type { AnswerCommand } from '../command.ts';
import { dataDirOf, INSTANCE_OPTIONS } from '../instance.ts';
import { reportOutcome, STOPPED_DETAILS, withProgress } from '../log-words.ts';

export const logRepair: AnswerCommand = {
  kind: 'answer',
  name: 'log repair',
  summary: 'put right what can be put right in the files of the log',
  arguments: '',
  details: `Files that are kept twice are written anew from the one that is whole, and a commit that was being written
when the process died is cut off. Nothing that can be read is dropped; what cannot be read keeps its offsets, and a read
of it fails. Exit code 1 when records are lost. ${STOPPED_DETAILS}`,
  options: {
    'dry-run': { type: 'boolean', summary: 'only say what is wrong' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 0,
  async run(context) {
    const dir = await dataDirOf(context);
    const logTools = await (await context.app()).logTools();
    const dryRun = context.options['dry-run'] === true;
    const report = await withProgress(context.io, 'read', (progress) =>
      dryRun ? logTools.verify(dir, progress) : logTools.repair(dir, progress),
    );
    return reportOutcome(report, dryRun ? 'nothing was changed' : 'repaired');
  },
};
