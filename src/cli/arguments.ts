/** The words of a command line → options and words. */
import { parseArgs } from 'node:util';
import { TailraceError } from '../contracts/errors.ts';
import { didYouMean } from '../lib/did-you-mean.ts';
import { quoted } from '../lib/printable.ts';
import type { Command, Option } from './command.ts';

/** Every command has them. */
export const COMMON_OPTIONS: Readonly<Record<string, Option>> = {
  json: { type: 'boolean', summary: 'answer in JSON' },
  help: { type: 'boolean', short: 'h', summary: 'show this help' },
};

export interface Arguments {
  readonly options: Readonly<Record<string, string | boolean>>;
  readonly words: readonly string[];
}

/** Throws `cli.usage`. */
export function parseArguments(
  command: Pick<Command, 'name' | 'options' | 'maxWords'>,
  args: readonly string[],
): Arguments {
  const known: Readonly<Record<string, Option>> = { ...command.options, ...COMMON_OPTIONS };
  const config = Object.fromEntries(
    Object.entries(known).map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const options: Record<string, string | boolean> = Object.create(null);
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (option === undefined) throw unknownOption(command.name, token.rawName, Object.keys(known));
    if (option.type === 'boolean' && token.value !== undefined) {
      throw usage(command.name, `--${token.name} takes no value`);
    }
    if (option.type === 'string' && (token.value === undefined || token.value === '')) {
      throw usage(command.name, `--${token.name} needs a value: --${token.name} ${option.value}`);
    }
    options[token.name] = token.value ?? true;
  }
  if (words.length > command.maxWords) {
    throw usage(command.name, `${quoted(words[command.maxWords]!)} is one word too many`);
  }
  return { options, words };
}

function unknownOption(command: string, written: string, known: readonly string[]): TailraceError {
  const suggestion = didYouMean(written.replace(/^-+/, ''), known)?.replace('"', '"--');
  return new TailraceError('cli.usage', `tailrace ${command} has no option ${quoted(written)}`, {
    remedy: suggestion ?? `tailrace ${command} --help lists them`,
  });
}

function usage(command: string, message: string): TailraceError {
  return new TailraceError('cli.usage', message, { remedy: `tailrace ${command} --help` });
}
