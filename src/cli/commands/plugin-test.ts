import { resolve } from 'node:path';
import type { CaseResult, Scorecard } from '../../contracts/acceptance.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { quoted } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext } from '../command.ts';
import { counted } from '../format.ts';
import { textOption } from '../places.ts';
import { PROJECT_OPTION, projectDir } from '../project-plugins.ts';
import type { Style } from '../style.ts';

export const pluginTest: AnswerCommand = {
  kind: 'answer',
  name: 'plugin test',
  summary: 'run the acceptance kit on a plugin and show its scorecard',
  arguments: '<name>',
  details: `NAME is a plugin as tailrace.yaml names it: a package of the project, or a path (./…) of a file or directory.
The driver says how the real system is made, read and broken: test/driver.ts or driver.ts of the plugin, or --driver.

Exit code 4 when a case fails. What does not apply stands in the scorecard with its reason.`,
  options: {
    ...PROJECT_OPTION,
    driver: { type: 'string', value: 'FILE', summary: 'module of the driver' },
    case: { type: 'string', value: 'ID', summary: 'only this case, or those of this group: versions' },
    quick: { type: 'boolean', summary: 'without the cases that kill processes and move much data' },
  },
  maxWords: 1,
  async run(context) {
    const app = await context.app();
    const only = textOption(context, 'case') ?? null;
    const cards = await app.testPlugin({ ...testOf(context), only, isQuick: context.options.quick === true });
    if (cards.length === 0) {
      throw new TailraceError('cli.usage', `there is no case ${quoted(only ?? '')}`, {
        remedy: 'tailrace plugin test NAME lists all',
      });
    }
    const results = cards.flatMap((card) => card.results);
    const failed = results.filter(({ status }) => status === 'failed').length;
    const summary = summaryOf(results);
    return {
      exitCode: failed > 0 ? 4 : 0,
      summary,
      result: { scorecards: cards },
      text: (style) => `${cards.map((card) => cardText(card, style)).join('\n')}\n${summary}\n`,
    };
  },
};

function testOf(context: CommandContext) {
  const [plugin] = context.words;
  if (plugin === undefined) {
    throw new TailraceError('cli.usage', 'which plugin?', { remedy: 'tailrace plugin test ./plugins/my-system.ts' });
  }
  const driver = textOption(context, 'driver');
  return { plugin, dir: projectDir(context), driver: driver === undefined ? null : resolve(context.io.cwd, driver) };
}

function summaryOf(results: readonly CaseResult[]): string {
  const of = (status: CaseResult['status']) => results.filter((result) => result.status === status).length;
  const words = `${of('passed')} of ${counted(results.length - of('not-applicable'), 'case')} passed`;
  return of('not-applicable') === 0 ? words : `${words}; ${of('not-applicable')} not applicable`;
}

function cardText({ part, name, results }: Scorecard, { paint, signs }: Style): string {
  const lines = results.map(({ id, title, status, reason, note }) => {
    const indented = (text: string) => text.replaceAll('\n', '\n      ');
    if (status === 'failed') return `  ${paint('red', signs.problem)} ${id}  ${title}\n      ${indented(reason ?? '')}`;
    if (status === 'not-applicable') return `  ${paint('dim', `- ${id}  not applicable: ${indented(reason ?? '')}`)}`;
    return `  ${paint('green', signs.ok)} ${id}  ${title}${note === null ? '' : ` (${note})`}`;
  });
  return `${paint('bold', `${part} ${name}`)}\n${lines.join('\n')}\n`;
}
