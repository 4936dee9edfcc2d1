/** Help texts, made from the commands. */
import { COMMON_OPTIONS } from './arguments.ts';
import type { Command, CommandGroup, Option } from './command.ts';
import { table } from './format.ts';

export const EXIT_CODES: readonly (readonly [code: string, meaning: string])[] = [
  ['0', 'ok'],
  ['1', 'failure while running'],
  ['2', 'your configuration or command line is wrong'],
  ['3', 'something outside is missing, unreachable or in use'],
  ['4', 'a check failed: a problem was found, or history is lost'],
  ['130, 143', 'forced to end by a second SIGINT or SIGTERM'],
];

export function generalHelp(commands: readonly (Command | CommandGroup)[]): string {
  return `tailrace - streams changes from databases to where you need them.

Usage: tailrace <command> [options]

${table(
  commands.map((command) => [`${command.name} ${wordsOf(command)}`, command.summary]),
  2,
)}
  --version  shows the version
  --help     shows this help, or with a command that of the command

Exit codes:
${table(EXIT_CODES, 2)}`;
}

function wordsOf(command: Command | CommandGroup): string {
  return command.kind === 'group' ? verbsOf(command).join('|') : command.arguments;
}

/** Second words of the names. */
export function verbsOf({ name, commands }: CommandGroup): string[] {
  return commands.map((command) => command.name.slice(name.length + 1));
}

export function groupHelp({ name, summary, commands }: CommandGroup): string {
  return `Usage: tailrace ${name} <command> [options]

${capital(summary)}.

${table(
  commands.map((command) => [`${command.name} ${command.arguments}`, command.summary]),
  2,
)}
tailrace ${name} <command> --help shows the options.
`;
}

export function commandHelp(command: Command): string {
  const rows = Object.entries({ ...command.options, ...COMMON_OPTIONS }).map(([name, option]) => [
    optionWords(name, option),
    option.summary,
  ]);
  return `Usage: tailrace ${command.name} ${command.arguments}

${capital(command.summary)}.

${command.details}

${table(rows, 2)}`;
}

/** `-h, --help`, `--data-dir DIR`. */
export function optionWords(name: string, { short, value }: Option): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
