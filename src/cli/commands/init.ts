import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { AskedField } from '../../config/index.ts';
import type { App } from '../../contracts/app.ts';
import { TailraceError } from '../../contracts/errors.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { quoted } from '../../lib/printable.ts';
import type { AnswerCommand, CommandContext, Outcome } from '../command.ts';
import { type Answers, type NewFile, newPipelineFiles } from '../new-pipeline.ts';
import { textOption } from '../places.ts';
import { withPlugins } from '../project-plugins.ts';
import { check } from './check.ts';

export const init: AnswerCommand = {
  kind: 'answer',
  name: 'init',
  summary: 'write a new pipeline: asks what to connect, tests it, writes the file',
  arguments: '[NAME] [source.KEY=VALUE…] [sink.KEY=VALUE…]',
  details: `NAME: of the pipeline and its file (pipeline). What is not given is asked for; without a terminal everything needed must be given:
tailrace init shop source.type=TYPE source.url=URL source.tables=public.products sink.type=TYPE sink.url=URL

Connects to both as check does, and writes nothing when that finds a problem. Passwords go into files in the folder secrets,
which only their owner can read.`,
  options: {
    project: { type: 'string', short: 'C', value: 'DIR', summary: 'the project, instead of the working directory' },
    'no-check': { type: 'boolean', summary: 'write the file without connecting' },
  },
  maxWords: Number.POSITIVE_INFINITY,
  async run(context) {
    const app = await context.app();
    const { name, given } = wordsOf(context.words);
    const dir = resolve(context.io.cwd, textOption(context, 'project') ?? '.');
    await mustBeNew(join(dir, `${name}.yaml`));
    await withPlugins(app, context, dir);
    const dialogue = new Dialogue(context, given);
    const source = await dialogue.answers('source', app);
    const sink = await dialogue.answers('sink', app);
    dialogue.end();
    return write(context, dir, newPipelineFiles(name, source, sink));
  },
};

function wordsOf(words: readonly string[]): { name: string; given: ReadonlyMap<string, string> } {
  const given = new Map<string, string>();
  let name: string | undefined;
  for (const word of words) {
    const [, key, value = ''] = /^((?:source|sink)\.\w+)=(.*)$/s.exec(word) ?? [];
    if (key !== undefined) given.set(key, value);
    else if (name === undefined && /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(word)) name = word;
    else {
      throw new TailraceError('cli.usage', `${quoted(word)} is neither a name nor source.KEY=VALUE or sink.KEY=VALUE`, {
        remedy: 'tailrace init --help',
      });
    }
  }
  return { name: name ?? 'pipeline', given };
}

async function mustBeNew(path: string): Promise<void> {
  if ((await stat(path).catch(() => null)) === null) return;
  throw new TailraceError('cli.usage', `${quoted(path)} is there already`, { remedy: 'give another name' });
}

/** Takes answers out of the words, and asks for the others. */
class Dialogue {
  readonly #context: CommandContext;
  readonly #given: ReadonlyMap<string, string>;
  readonly #lines: AsyncIterator<string>;
  readonly #used = new Set<string>();

  constructor(context: CommandContext, given: ReadonlyMap<string, string>) {
    this.#context = context;
    this.#given = given;
    this.#lines = context.io.stdin.lines()[Symbol.asyncIterator]();
  }

  async answers(kind: 'source' | 'sink', { registry }: App): Promise<Answers> {
    const { askedFields } = await import('../../config/index.ts');
    const types = kind === 'source' ? registry.sourceTypes : registry.sinkTypes;
    const type = await this.#answer(`${kind}.type`, `${kind} (${types.join(', ')})`, false);
    const asked = askedFields(registry, kind, type);
    if (asked === null) {
      throw new TailraceError('cli.usage', `there is no ${kind} ${quoted(type)}`, {
        remedy: didYouMean(type, types) ?? `there are: ${types.join(', ')}`,
      });
    }
    const fields: (readonly [AskedField, string])[] = [];
    for (const field of asked) {
      const question = `${kind}.${field.key}: ${field.description}`;
      fields.push([field, await this.#answer(`${kind}.${field.key}`, question, field.isSecret)]);
    }
    return { type, fields: [...fields, ...this.#optional(kind, asked)] };
  }

  /** Throws `cli.usage` for a key that no question was about. */
  end(): void {
    const unused = [...this.#given.keys()].find((key) => !this.#used.has(key));
    if (unused !== undefined) throw new TailraceError('cli.usage', `${quoted(unused)} is no key`);
  }

  /** Keys that were given without being asked for: the check of the file judges them. */
  #optional(kind: string, asked: readonly AskedField[]): (readonly [AskedField, string])[] {
    return [...this.#given].flatMap(([name, value]) => {
      const [part, key = ''] = name.split('.', 2);
      if (part !== kind || key === 'type' || asked.some((field) => field.key === key)) return [];
      this.#used.add(name);
      return [[{ key, description: '', isSecret: /password|secret|token/i.test(key) }, value] as const];
    });
  }

  async #answer(name: string, question: string, isSecret: boolean): Promise<string> {
    const { io, options } = this.#context;
    const given = this.#given.get(name);
    if (given !== undefined) {
      this.#used.add(name);
      return given;
    }
    if (options.json !== true && io.stdin.isTty && io.stderr.isTty) {
      io.stderr.write(`${question}${isSecret ? ' (kept in a file of its own)' : ''}\n> `);
      const { value, done } = await this.#lines.next();
      if (done !== true && value.trim() !== '') return value.trim();
    }
    throw new TailraceError('cli.usage', `${name} is needed`, { remedy: `add ${name}=…, or answer the questions` });
  }
}

/** Tries the files in a directory beside their place: on failure nothing is left behind. */
async function write(context: CommandContext, dir: string, files: readonly NewFile[]): Promise<Outcome> {
  await mkdir(dir, { recursive: true });
  const trial = await mkdtemp(join(dir, '.new-'));
  try {
    for (const { path, text, mode } of files) {
      await mkdir(join(trial, dirname(path)), { recursive: true, mode: 0o700 });
      await writeFile(join(trial, path), text, { mode });
    }
    const found = await checked(context, join(trial, files[0]!.path));
    if (found !== null && found.exitCode !== 0) return { ...found, summary: `nothing was written: ${found.summary}` };
    for (const { path } of files) {
      await mkdir(dirname(join(dir, path)), { recursive: true, mode: 0o700 });
      await rename(join(trial, path), join(dir, path));
    }
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
  const names = files.map(({ path }) => path);
  const summary = `wrote ${names[0]}`;
  const next = `tailrace run ${names[0]}`;
  return {
    exitCode: 0,
    summary,
    result: { files: names },
    text: ({ signs }) => `${summary}\n  ${signs.arrow} ${next}\n`,
  };
}

async function checked(context: CommandContext, path: string): Promise<Outcome | null> {
  if (context.options['no-check'] === true) return null;
  return check.run({ ...context, words: [path], options: {} });
}
