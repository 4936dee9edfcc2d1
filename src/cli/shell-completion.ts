/** Scripts with which shells complete the words of the command line, from the commands. */
import { COMMON_OPTIONS } from './arguments.ts';
import type { Command, CommandGroup } from './command.ts';
import { verbsOf } from './help.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

export type CommandWords = Pick<Command, 'name' | 'summary' | 'options' | 'kind'>;

interface Entry {
  /** `topics`, `topics read`. */
  readonly name: string;
  readonly summary: string;
  /** What may follow: verbs of a group, options of a command. */
  readonly next: readonly { readonly word: string; readonly summary: string }[];
}

export function completionScript(
  shell: (typeof SHELLS)[number],
  commands: readonly (CommandWords | CommandGroup)[],
): string {
  const entries = commands.flatMap(entriesOf);
  switch (shell) {
    case 'bash':
      return bash(commands, entries);
    case 'zsh':
      return `#compdef tailrace\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands, entries)}`;
    case 'fish':
      return fish(commands, entries);
  }
}

function entriesOf(command: CommandWords | CommandGroup): Entry[] {
  const { name, summary } = command;
  if (!isGroup(command)) return [{ name, summary, next: optionsOf(command) }];
  const verbs = command.commands.map((one, i) => ({ word: verbsOf(command)[i]!, summary: one.summary }));
  return [{ name, summary, next: verbs }, ...command.commands.flatMap(entriesOf)];
}

function isGroup(command: CommandWords | CommandGroup): command is CommandGroup {
  return command.kind === 'group';
}

function optionsOf({ options }: CommandWords): Entry['next'] {
  return Object.entries({ ...options, ...COMMON_OPTIONS }).map(([name, { summary }]) => ({
    word: `--${name}`,
    summary,
  }));
}

function bash(commands: readonly { readonly name: string }[], entries: readonly Entry[]): string {
  const cases = entries.map(({ name, next }) => `    '${name}') words='${next.map(({ word }) => word).join(' ')}' ;;`);
  return `_tailrace() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=''
  local command="\${COMP_WORDS[1]}"
  if [ "$COMP_CWORD" -gt 2 ]; then
    case "$command \${COMP_WORDS[2]}" in
      ${entries.flatMap(({ name }) => (name.includes(' ') ? [`'${name}'`] : [])).join(' | ')}) command="$command \${COMP_WORDS[2]}" ;;
    esac
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then command=''; fi
  case "$command" in
    '') words='${commands.map(({ name }) => name).join(' ')} --help --version' ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _tailrace tailrace
`;
}

function fish(
  commands: readonly { readonly name: string; readonly summary: string }[],
  entries: readonly Entry[],
): string {
  const first = commands.map(
    ({ name, summary }) => `complete -c tailrace -n __fish_use_subcommand -f -a ${name} -d ${fishText(summary)}`,
  );
  const next = entries.flatMap(({ name, next }) => {
    const seen = name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ');
    return next.map(({ word, summary }) => {
      const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
      return `complete -c tailrace -n ${fishText(seen)} ${what} -d ${fishText(summary)}`;
    });
  });
  return `${[...first, ...next].join('\n')}\n`;
}

function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
