/** The command line: finds the command, runs it, prints what it found. */
import type { App } from '../contracts/app.ts';
import { type ErrorWords, errorWords, exitCodeOf, TailraceError } from '../contracts/errors.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import { parseArguments } from './arguments.ts';
import type { AnswerCommand, Command, CommandGroup, Outcome } from './command.ts';
import { commands } from './commands.ts';
import { errorText } from './error-text.ts';
import { commandHelp, generalHelp, groupHelp, verbsOf } from './help.ts';
import { type Io, processIo } from './io.ts';
import { styleOf } from './style.ts';

/** Resolves to the exit code. Never rejects. `createApp` is called once at most, and only when it is needed. */
export async function main(
  args: readonly string[],
  createApp: () => Promise<App>,
  io: Io = processIo(),
): Promise<number> {
  let created: Promise<App> | undefined;
  const app = () => (created ??= createApp());
  try {
    return await dispatch(args, app, io);
  } catch (error) {
    if (args.includes('--json')) io.stdout.write(envelopeText(nameIn(args), null, errorWords(error)));
    else io.stderr.write(errorText(error, styleOf(io.stderr, io.env)));
    return exitCodeOf(error);
  }
}

/** Of the command that was meant, as far as the words tell. */
function nameIn(args: readonly string[]): string {
  try {
    return find(args).command.name;
  } catch {
    return args.find((word) => !word.startsWith('-')) ?? '';
  }
}

/** What `--json` prints, of every command the same. @param outcome null: there is an error instead */
function envelopeText(command: string, outcome: Outcome | null, error: ErrorWords | null): string {
  const { exitCode, summary, result } = outcome ?? { exitCode: null, summary: error!.message, result: null };
  return `${JSON.stringify({ command, ok: exitCode === 0, summary, result, error })}\n`;
}

async function dispatch(args: readonly string[], app: () => Promise<App>, io: Io): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined || first === '--help' || first === '-h') return show(io, generalHelp(commands));
  if (first === '--version' || first === '-V') return show(io, `tailrace ${(await app()).version}\n`);
  if (first === 'help') return show(io, helpOf(rest));
  const { command, words } = find(args);
  return command.kind === 'group' ? show(io, groupHelp(command)) : run(command, words, app, io);
}

function helpOf(names: readonly string[]): string {
  if (names.length === 0) return generalHelp(commands);
  const { command } = find(names.length === 1 ? [...names, '--help'] : names);
  return command.kind === 'group' ? groupHelp(command) : commandHelp(command);
}

async function run(command: Command, args: readonly string[], app: () => Promise<App>, io: Io): Promise<number> {
  if (command.kind === 'forwarding') return command.run(args, app);
  const { options, words } = parseArguments(command, args);
  if (options.help === true) return show(io, commandHelp(command));
  const context = { options, words, io, app };
  return command.kind === 'running' ? command.run(context) : answer(command, context);
}

/**
 * The command and the words that follow its name; a group where its help is asked for. Without a verb it is the first. The verb
 * may stand behind what it is about: `snapshot shop pause`.
 */
function find([name = '', ...rest]: readonly string[]): {
  readonly command: Command | CommandGroup;
  readonly words: readonly string[];
} {
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) throw unknownCommand(name);
  if (command.kind !== 'group') return { command, words: rest };
  const [verb, ...words] = rest;
  if (verb === '--help' || verb === '-h') return { command, words };
  if (verb === undefined || verb.startsWith('-')) return { command: command.commands[0]!, words: rest };
  const named = (word: string | undefined) =>
    command.commands.find((candidate) => candidate.name === `${name} ${word}`);
  const found = named(verb);
  if (found !== undefined) return { command: found, words };
  const behind = named(words[0]);
  if (behind !== undefined) return { command: behind, words: [verb, ...words.slice(1)] };
  throw new TailraceError('cli.usage', `tailrace ${name} has no command ${quoted(verb)}`, {
    remedy: didYouMean(verb, verbsOf(command)) ?? `it has: ${verbsOf(command).join(', ')}`,
  });
}

function unknownCommand(name: string): TailraceError {
  const isOption = name.startsWith('-');
  const names = commands.map((candidate) => candidate.name);
  return new TailraceError(
    'cli.usage',
    isOption ? `${quoted(name)} goes after a command` : `there is no command ${quoted(name)}`,
    {
      remedy: didYouMean(name, isOption ? ['--help', '--version'] : names) ?? 'tailrace --help lists the commands',
    },
  );
}

async function answer(command: AnswerCommand, context: Parameters<AnswerCommand['run']>[0]): Promise<number> {
  const { io, options } = context;
  const outcome = await command.run(context);
  const isJson = options.json === true;
  io.stdout.write(isJson ? envelopeText(command.name, outcome, null) : outcome.text(styleOf(io.stdout, io.env)));
  return outcome.exitCode;
}

function show(io: Io, text: string): number {
  io.stdout.write(text);
  return 0;
}
