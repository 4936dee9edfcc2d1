import type { Reloaded, ReloadPlan } from '../../contracts/reload.ts';
import type { AnswerCommand } from '../command.ts';
import { CONFIRM_OPTIONS, confirmed } from '../confirm.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { textOption } from '../places.ts';
import { planSummary, planText, reloadedText } from '../plan-text.ts';
import { styleOf } from '../style.ts';

export const apply: AnswerCommand = {
  kind: 'answer',
  name: 'apply',
  summary: 'let the running instance run the pipeline files as they are now',
  arguments: '',
  details: `Shows the plan, and asks; then exactly that is done, or nothing when the files have changed meanwhile. With --plan it does
what that plan said, without asking. What the files do not change goes on untouched. ${CHANGE_DETAILS}`,
  options: {
    plan: { type: 'string', value: 'HASH', summary: 'of the plan that was looked at' },
    ...CONFIRM_OPTIONS,
    ...INSTANCE_OPTIONS,
  },
  maxWords: 0,
  async run(context) {
    const given = textOption(context, 'plan');
    if (given !== undefined) return done(await applied(given));
    const plan = await call<ReloadPlan>(context, { method: 'POST', path: '/plan', body: {} });
    const unchanged = { exitCode: 0, summary: planSummary(plan), result: { applied: false, plan } };
    if (plan.changes.length === 0) return { ...unchanged, text: (style) => planText(plan, style) };
    const { io } = context;
    if (!(await confirmed(context, planText(plan, styleOf(io.stderr, io.env)), 'Apply this?'))) {
      return { ...unchanged, text: (style) => planText(plan, style) };
    }
    return done(await applied(plan.hash));

    function applied(hash: string): Promise<Reloaded> {
      return call<Reloaded>(context, { method: 'POST', path: '/apply', body: { hash } });
    }
  },
};

function done(reloaded: Reloaded) {
  const summary = reloadedText(reloaded);
  return { exitCode: 0, summary, result: { applied: true, ...reloaded }, text: () => `${summary}\n` };
}
