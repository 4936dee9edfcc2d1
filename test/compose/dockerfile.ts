/**
 * Runs the steps of a Dockerfile without an engine: each stage in a directory of its own, which stands for the working
 * directory. Knows what ours uses, and refuses what it does not know; the base images are the machine itself.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Stage {
  readonly image: string;
  readonly name: string | null;
  readonly steps: readonly (readonly [instruction: string, words: string])[];
}

export function stagesOf(text: string): Stage[] {
  const stages: { image: string; name: string | null; steps: [string, string][] }[] = [];
  for (const line of text.split('\n').filter((one) => one.trim() !== '' && !one.startsWith('#'))) {
    const [, instruction = '', words = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (instruction === '') throw new Error(`not understood: ${line}`);
    if (instruction === 'FROM') {
      const [image = '', , name = null] = words.split(' ');
      stages.push({ image, name, steps: [] });
    } else stages.at(-1)!.steps.push([instruction, words]);
  }
  return stages;
}

/** Instructions that say how the image is run. */
const SETTINGS = ['WORKDIR', 'USER', 'ENTRYPOINT', 'CMD'];

/** @param context the directory that is built  @param into one directory a stage is made in it; returns that of the last */
export function build(stages: readonly Stage[], context: string, into: string): string {
  const made = new Map<string, string>();
  let last = '';
  for (const [i, { name, steps }] of stages.entries()) {
    last = join(into, String(i));
    mkdirSync(last);
    if (name !== null) made.set(name, last);
    for (const [instruction, words] of steps) {
      if (instruction === 'COPY') copy(words, context, made, last);
      else if (instruction === 'RUN')
        execFileSync('sh', ['-ec', words], { cwd: last, stdio: ['ignore', 'ignore', 'pipe'] });
      else if (!SETTINGS.includes(instruction)) throw new Error(`not understood: ${instruction} ${words}`);
    }
  }
  return last;
}

function copy(words: string, context: string, made: ReadonlyMap<string, string>, stage: string): void {
  const [first = '', ...rest] = words.split(' ');
  const from = /^--from=(.+)$/.exec(first)?.[1];
  const paths = from === undefined ? [first, ...rest] : rest;
  const target = join(stage, paths.pop()!);
  for (const path of paths) {
    const source = from === undefined ? join(context, path) : join(made.get(from)!, path.replace(/^\/app\//, ''));
    const isFolder = statSync(source).isDirectory();
    const to = paths.length > 1 || target.endsWith('/') ? join(target, path) : target;
    mkdirSync(dirname(to), { recursive: true });
    // Of a directory its contents, as Docker does.
    cpSync(source, to, { recursive: isFolder, verbatimSymlinks: true });
  }
}

/** What `.dockerignore` leaves of a directory, copied; patterns as ours: all but what is named. */
export function contextOf(root: string, into: string): string {
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  for (const line of lines)
    if (line.startsWith('!')) cpSync(join(root, line.slice(1)), join(into, line.slice(1)), { recursive: true });
  for (const line of lines.filter((one) => one.startsWith('**/*'))) {
    const ending = line.slice('**/*'.length);
    execFileSync('find', [into, '-name', `*${ending}`, '-delete']);
  }
  rmSync(join(into, '.dockerignore'), { force: true });
  return into;
}
