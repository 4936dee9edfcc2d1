import type { ReloadPlan } from '../../contracts/reload.ts';
import type { AnswerCommand } from '../command.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { planSummary, planText } from '../plan-text.ts';

export const plan: AnswerCommand = {
  kind: 'answer',
  name: 'plan',
  summary: 'show what the pipeline files would change in the running instance, and what would come of it',
  arguments: '',
  details: `Reads the files as they are now, in the paths that the instance was started with. Of each source and sink: whether it restarts,
what is read from the database or from the log, how many rows of the log other rules leave behind in the target or change, and about
how long sending them takes. ${CHANGE_DETAILS} Nothing is changed.
Settings in tailrace.yaml take effect at the next start.`,
  options: INSTANCE_OPTIONS,
  maxWords: 0,
  async run(context) {
    const found = await call<ReloadPlan>(context, { method: 'POST', path: '/plan', body: {} });
    const next = found.changes.length === 0 ? '' : `apply exactly this: tailrace apply --plan ${found.hash}\n`;
    return {
      exitCode: 0,
      summary: planSummary(found),
      result: found,
      text: (style) => `${planText(found, style)}${next}`,
    };
  },
};
