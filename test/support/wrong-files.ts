/**
 * Cases of test/wrong-files/*.txt: small projects and what `lint` says of them, to the letter.
 *
 *     === what is wrong
 *     --- shop.yaml            a file of the project; others follow in the same way
 *     --- env                  variables, NAME=value a line
 *     --- expected             the problems as text
 *
 * `\xNN` in a file stands for that character. UPDATE_EXPECTED=1 writes what lint says now: read the difference.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadProject, problemText } from '../../src/config/index.ts';
import type { Registry } from '../../src/contracts/registry.ts';

const FOLDER = fileURLToPath(new URL('../wrong-files/', import.meta.url));

export interface WrongFiles {
  readonly name: string;
  readonly files: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string>>;
  readonly expected: string;
}

export interface CaseFile {
  readonly path: string;
  readonly cases: readonly WrongFiles[];
}

export function wrongFiles(): CaseFile[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));
  return names.map((name) => {
    const path = join(FOLDER, name);
    return { path, cases: readFileSync(path, 'utf8').split(/^=== /m).slice(1).map(parseCase) };
  });
}

function parseCase(text: string): WrongFiles {
  const [head = '', ...sections] = text.split(/^--- /m);
  const files = new Map<string, string>();
  const env: Record<string, string> = {};
  let expected = '';
  for (const section of sections) {
    const newline = section.indexOf('\n');
    const name = section.slice(0, newline).trim();
    const body = section.slice(newline + 1);
    if (name === 'expected') expected = body.trimEnd();
    else if (name === 'env') for (const line of body.trim().split('\n')) Object.assign(env, variable(line));
    else files.set(name, body);
  }
  return { name: head.trim(), files, env, expected };
}

function variable(line: string): Record<string, string> {
  const equals = line.indexOf('=');
  return { [line.slice(0, equals)]: line.slice(equals + 1) };
}

/** What lint says of the project, one problem after the other. */
export async function lintText({ files, env }: Pick<WrongFiles, 'files' | 'env'>, registry: Registry): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-wrong-'));
  try {
    for (const [name, text] of files) {
      const path = join(dir, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(
        path,
        text.replace(/\\x([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
      );
    }
    const { problems } = await loadProject({ paths: [], cwd: dir, env, registry });
    return problems
      .map((problem) => problemText(problem))
      .join('')
      .replaceAll(dir, '<dir>')
      .trimEnd();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export async function updateExpected(registry: Registry): Promise<void> {
  for (const { path, cases } of wrongFiles()) {
    const texts: string[] = [];
    for (const one of cases) {
      const files = [...one.files].map(([name, text]) => `--- ${name}\n${text}`).join('');
      const env = Object.entries(one.env).map(([name, value]) => `${name}=${value}\n`);
      const variables = env.length === 0 ? '' : `--- env\n${env.join('')}`;
      texts.push(`=== ${one.name}\n${files}${variables}--- expected\n${await lintText(one, registry)}\n\n`);
    }
    writeFileSync(path, texts.join(''));
  }
}
