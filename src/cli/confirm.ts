/** What changes something shows it first, and is then told to go on. */
import { TailraceError } from '../contracts/errors.ts';
import type { CommandContext, Option } from './command.ts';

export const CONFIRM_OPTIONS: Readonly<Record<string, Option>> = {
  yes: { type: 'boolean', short: 'y', summary: 'do it without asking' },
  'dry-run': { type: 'boolean', summary: 'only show what would be done' },
};

/**
 * Shows the preview unless `--yes` or `--json` is given. False: `--dry-run`. Throws `cli.usage` when there is nobody to ask,
 * or the answer is no; nothing was done then.
 */
export async function confirmed({ io, options }: CommandContext, preview: string, question: string): Promise<boolean> {
  if (options['dry-run'] === true) return false;
  if (options.yes === true) return true;
  if (options.json !== true) io.stderr.write(preview);
  const isAsked = options.json !== true && io.stdin.isTty && io.stderr.isTty;
  if (!isAsked) {
    throw new TailraceError('cli.usage', 'nothing was done: nobody is there to ask', {
      remedy: 'add --yes to do it, --dry-run to only look',
    });
  }
  io.stderr.write(`${question} [y/N] `);
  for await (const line of io.stdin.lines()) {
    if (/^y(es)?$/i.test(line.trim())) return true;
    break;
  }
  throw new TailraceError('cli.usage', 'nothing was done', { remedy: 'answer y, or add --yes' });
}
