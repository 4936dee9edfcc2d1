import type { AnswerCommand } from '../command.ts';
import { dataDirOf, INSTANCE_OPTIONS } from '../instance.ts';
import { reportOutcome, STOPPED_DETAILS, withProgress } from '../log-words.ts';

export const logVerify: AnswerCommand = {
  kind: 'answer',
  name: 'log verify',
  summary: 'read everything that the log holds, and say what cannot be read',
  arguments: '',
  details: `Changes nothing. Exit code 1 when records are lost. ${STOPPED_DETAILS}`,
  options: INSTANCE_OPTIONS,
  maxWords: 0,
  async run(context) {
    const dir = await dataDirOf(context);
    const logTools = await (await context.app()).logTools();
    const report = await withProgress(context.io, 'read', (progress) => logTools.verify(dir, progress));
    return reportOutcome(report, 'read');
  },
};
