/** What a command of the command line is. */
import type { App } from '../contracts/app.ts';
import type { Io } from './io.ts';
import type { Style } from './style.ts';

export interface Option {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** Of a string: what stands for it in the help, e.g. `DIR`. */
  readonly value?: string;
  readonly summary: string;
}

export interface CommandContext {
  /** Options by their long names. */
  readonly options: Readonly<Record<string, string | boolean>>;
  /** Words that are no options. */
  readonly words: readonly string[];
  readonly io: Io;
  /** Loads connectors and rules; commands that can do without do. */
  readonly app: () => Promise<App>;
}

/** What a command found. `main` prints it as text, or as the JSON envelope with `--json`. */
export interface Outcome {
  readonly exitCode: number;
  /** One line. */
  readonly summary: string;
  /** For `--json`. */
  readonly result: unknown;
  /** For people. */
  text(style: Style): string;
}

interface CommandWords {
  readonly name: string;
  readonly summary: string;
  /** What follows the name, e.g. `[path…]`. */
  readonly arguments: string;
  /** More paragraphs for its help. */
  readonly details: string;
  readonly options: Readonly<Record<string, Option>>;
  /** Most words that may stand after the name. */
  readonly maxWords: number;
}

/** A command that looks at something and answers. */
export interface AnswerCommand extends CommandWords {
  readonly kind: 'answer';
  run(context: CommandContext): Promise<Outcome>;
}

/** A command that writes while it runs; resolves to its exit code. */
export interface RunningCommand extends CommandWords {
  readonly kind: 'running';
  run(context: CommandContext): Promise<number>;
}

/** A command that reads its own arguments. */
export interface ForwardingCommand extends CommandWords {
  readonly kind: 'forwarding';
  run(words: readonly string[], app: () => Promise<App>): Promise<number>;
}

export type Command = AnswerCommand | RunningCommand | ForwardingCommand;

/** Commands with a name of two words, such as `topics ls`. */
export interface CommandGroup {
  readonly kind: 'group';
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly (AnswerCommand | RunningCommand)[];
}
