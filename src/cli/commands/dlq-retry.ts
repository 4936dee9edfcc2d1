import type { RetryReport } from '../../contracts/dead-letters.ts';
import type { AnswerCommand } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { deadLetterPlace, FILTER_OPTIONS, trialSummary, trialText } from '../dead-letter-text.ts';
import { count, counted } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { userName } from '../user-name.ts';

export const dlqRetry: AnswerCommand = {
  kind: 'answer',
  name: 'dlq retry',
  summary: 'send dead letters to their sink again',
  arguments: 'PIPELINE[/SINK] | ID…',
  details: `Tries them against the configuration as it is now, without writing: through the rules, and where the target can be
asked so, to the target. Shows how many would succeed, and asks. Then they are sent through the log, in the order of their records,
with the earlier ones of the same rows and those that were held behind them. What was overtaken by a newer row, a delete or a
truncate is not sent: a retry never brings back an older state. ${CHANGE_DETAILS}

--dry-run ends after the trial: exit code 0 when all would succeed, else 4.`,
  options: { ...FILTER_OPTIONS, ...CONFIRM_OPTIONS, ...INSTANCE_OPTIONS },
  maxWords: 1_000,
  async run(context) {
    const { pipeline, filter } = deadLetterPlace(context, 'dlq retry');
    const path = `/dead-letters/${encodeURIComponent(pipeline)}`;
    const trial = await call<RetryReport>(context, { method: 'POST', path: `${path}/try`, body: filter });
    const total = trial.selected + trial.alongside;
    const preview = trialText(trial);
    if (total === 0) return { exitCode: 0, summary: trialSummary(trial), result: { trial }, text: () => preview };
    if (!(await confirmed(context, preview, `Send ${counted(total, 'dead letter')} again?`))) {
      const exitCode = trial.refused.length === 0 ? 0 : 4;
      return { exitCode, summary: trialSummary(trial), result: { trial }, text: () => preview };
    }
    const body = { ...filter, by: userName() };
    const sent = await call<RetryReport>(context, { method: 'POST', path: `${path}/retry`, body });
    const summary = `${count(sent.sent)} sent again`;
    return { exitCode: 0, summary, result: { trial, sent }, text: () => `${preview}${summary}\n` };
  },
};
