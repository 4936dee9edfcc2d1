import { TailraceError } from '../../contracts/errors.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { AnswerCommand, CommandGroup } from '../command.ts';
import { type CommandWords, completionScript, SHELLS } from '../shell-completion.ts';

/** @param all every command; asked when the script is */
export function completionCommand(all: () => readonly (CommandWords | CommandGroup)[]): AnswerCommand {
  return {
    kind: 'answer',
    name: 'completion',
    summary: 'print a script that completes commands and options in a shell',
    arguments: SHELLS.join('|'),
    details: `bash: tailrace completion bash > /etc/bash_completion.d/tailrace
zsh: tailrace completion zsh > "\${fpath[1]}/_tailrace"
fish: tailrace completion fish > ~/.config/fish/completions/tailrace.fish`,
    options: {},
    maxWords: 1,
    async run({ words: [shell = ''] }) {
      const found = SHELLS.find((name) => name === shell);
      if (found === undefined) {
        throw new TailraceError('cli.usage', `${quoted(shell)} is no shell that is known here`, {
          remedy: didYouMean(shell, SHELLS) ?? `there are ${SHELLS.join(', ')}`,
        });
      }
      const script = completionScript(found, all());
      return { exitCode: 0, summary: `completion for ${shell}`, result: { shell, script }, text: () => script };
    },
  };
}
