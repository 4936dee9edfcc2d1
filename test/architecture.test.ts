/** The rules of the code base, read from its files. Each check is also tried on code that breaks it. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  arrowViolations,
  codeFromStringViolations,
  connectorNameViolations,
  eagerDriverViolations,
} from './architecture/arrows.ts';
import { citations, invariantViolations, listedInvariants } from './architecture/invariants.ts';
import { sizeViolations } from './architecture/sizes.ts';
import { SourceFile, sourceFiles } from './architecture/source-file.ts';
import { type Mutant, mutants } from './mutants.ts';
import { runMutant, sample, staleReason } from './run-mutants.ts';
import { testSeed } from './support/seed.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SAMPLED = 1;
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const files = sourceFiles(ROOT);

describe('this repository', () => {
  test('imports follow the arrows of docs/design.md', () => {
    expect(arrowViolations(files)).toEqual([]);
  });

  test('manifests do not load drivers', () => {
    expect(eagerDriverViolations(files)).toEqual([]);
  });

  test('only connectors know the names of connectors', () => {
    expect(connectorNameViolations(files)).toEqual([]);
  });

  test('every connector has a driver for the acceptance kit, and a test runs it', () => {
    const drivers = files.filter(({ path }) => /^test\/acceptance\/connectors\/[^/]+\.driver\.ts$/.test(path));
    const used = new Set(
      files.filter(({ isTest }) => isTest).flatMap((file) => file.imports().map(({ target }) => target)),
    );
    const manifests = files.flatMap(({ path }) => /^connectors\/([^/]+)\/index\.ts$/.exec(path)?.[1] ?? []);
    const without = manifests.filter((name) => {
      return !drivers.some(({ path }) => path.endsWith(`/${name}.driver.ts`) && used.has(path));
    });
    expect(without).toEqual([]);
  });

  test('no code is made from strings', () => {
    expect(codeFromStringViolations(files)).toEqual([]);
  });

  test('files and functions are short', () => {
    expect(sizeViolations(files, (path) => existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('invariants: listed = cited = tested = broken by a mutant', () => {
    expect(invariantViolations(read('README.md'), files, mutants)).toEqual([]);
  });

  test('every mutant finds its place and its test', () => {
    const stale = mutants.map((mutant) => [mutant.invariant, mutant.file, staleReason(mutant, read)]);
    expect(stale.filter(([, , reason]) => reason !== null)).toEqual([]);
  });

  // Inside a mutant's own run the sample would start mutants of mutants.
  test.skipIf(process.env.TAILRACE_MUTANT !== undefined)(
    'a sample of the mutants turns its tests red (all: node test/run-mutants.ts)',
    { timeout: 310_000 },
    async () => {
      const seed = testSeed;
      console.log(`mutants: seed ${seed} (TAILRACE_SEED)`);
      for (const mutant of sample(mutants, SAMPLED, seed)) {
        expect(await runMutant(mutant), `invariant ${mutant.invariant}, ${mutant.file}`).toBeNull();
      }
    },
  );
});

describe('the checks see', () => {
  const code = (path: string, text: string) => new SourceFile(path, text);
  const long = (lines: number) => Array.from({ length: lines - 2 }, () => '  x++;\n').join('');

  test('imports against the arrows', () => {
    const bad = [
      code('src/log/a.ts', "import { b } from '../rules/b.ts';"),
      code('src/contracts/a.ts', "import type { b } from '../lib/b.ts';"),
      code('src/cli/a.ts', "const a = await import('../pipeline/b.ts');"),
      code('src/api/a.ts', "export * from '../log/b.ts';"),
      code('src/rules/a.ts', "type A = import('../pipeline/a.ts').A;"),
      code('connectors/file/a.ts', "import { b } from '../sqlite/b.ts';"),
      code('connectors/file/b.ts', "import pg from 'pg';"),
      code('connectors/index.ts', "import { b } from './file/index.ts';"),
      code('src/main.ts', "import { b } from '../demo/main.ts';"),
      code('src/log/b.ts', "import vm from 'node:vm';"),
      code('src/log/c.ts', "import { main } from '../main.ts';"),
      code('src/new/c.ts', "import { main } from '../lib/a.ts';"),
    ];
    expect(arrowViolations(bad).map((line) => line.split(':')[0])).toEqual(bad.map(({ path }) => path));
    const good = [
      code('src/log/a.ts', "import { b } from '../wire/b.ts'; import c from '../contracts/c.ts'; import 'node:fs';"),
      code('src/log/a.test.ts', "import { b } from '../rules/b.ts';"),
      code('connectors/postgres/a.ts', "import pg from 'pg'; import s from '../../src/sdk/index.ts'; import './b.ts';"),
      code('src/main.ts', "import { b } from './log/b.ts'; await import('../demo/main.ts');"),
    ];
    expect(arrowViolations(good)).toEqual([]);
  });

  test('drivers loaded with a manifest, directly or through a file beside it', () => {
    const manifest = code('connectors/redis/index.ts', "import './sink.ts'; import { z } from 'zod';");
    const sink = code('connectors/redis/sink.ts', "import Redis from 'ioredis';");
    expect(eagerDriverViolations([manifest, sink])).toHaveLength(1);
    const lazy = code('connectors/redis/index.ts', "const open = () => import('./sink.ts');");
    expect(eagerDriverViolations([lazy, sink])).toEqual([]);
  });

  test('names of connectors and code from strings', () => {
    const manifest = code('connectors/redis/index.ts', "export const type = 'redis';");
    const namer = code('src/pipeline/a.ts', "if (type === 'redis' || type === `redis`) go('redis:1');");
    expect(connectorNameViolations([manifest, namer])).toHaveLength(2);
    const evil = code('src/rules/a.ts', "eval('1'); new Function('x'); Function('y'); x.eval('no');");
    expect(codeFromStringViolations([evil])).toHaveLength(3);
  });

  test('long files and functions, and what is not counted', () => {
    const no = () => false;
    const yes = () => true;
    expect(sizeViolations([code('src/a.ts', `let x = 0;\n${long(503)}`)], no)).toHaveLength(1);
    const table = `const T = [\n${'  [1, 2],\n'.repeat(600)}] as const;\n`;
    expect(sizeViolations([code('src/a.ts', table)], no)).toEqual([]);
    expect(sizeViolations([code('src/a.ts', `// Generated by a script\nlet x = 0;\n${long(600)}`)], no)).toEqual([]);
    for (const head of ['function f(x: number) {', 'const f = (x: number) => {', 'class C { m(x: number): void {']) {
      const tail = head.startsWith('class') ? '}}' : '}';
      expect(sizeViolations([code('src/a.ts', `${head}\n${long(60)}${tail}\n`)], no), head).toEqual([]);
      expect(sizeViolations([code('src/a.ts', `${head}\n${long(61)}${tail}\n`)], no), head).toHaveLength(1);
    }
    const callback = `test.each([1])('name', async (x) => {\n${long(90)}});\n`;
    expect(sizeViolations([code('src/a.test.ts', callback)], no)).toEqual([]);
    const hot = (lines: number) => `// Hot loop: bench/capture.ts\nfunction f(x: number) {\n${long(lines)}}\n`;
    expect(sizeViolations([code('src/a.ts', hot(120))], yes)).toEqual([]);
    expect(sizeViolations([code('src/a.ts', hot(120))], no)).toHaveLength(1);
    expect(sizeViolations([code('src/a.ts', hot(121))], yes)).toHaveLength(1);
  });

  test('invariants that are listed, cited, tested or broken somewhere and not everywhere', () => {
    const readme = '# T\n\n## Invariants\n\n1. **A**: a.\n2. **B**\n\n## Next\n\n3. no\n';
    expect([...listedInvariants(readme)]).toEqual([1, 2]);
    expect(citations('// Invariants 1, 4 and 11: x (Invariant 2)').map(([number]) => number)).toEqual([1, 4, 11, 2]);
    const cites = code('src/log/a.ts', '// Invariant 1\nlet a;\n// Invariants 2, 7\nlet b;');
    const tests = code(
      'src/log/a.test.ts',
      "test('invariant 1: holds', () => {}); test('invariants 2, 9: hold', () => {});",
    );
    const mutant: Mutant = { invariant: 1, file: 'a', find: '', replace: '', test: ['a', 'b'] };
    const found = invariantViolations(readme, [cites, tests], [mutant]).join('\n');
    expect(found).toMatch(
      /2 has no mutant.*\n.*7 is not listed.*src\/log\/a\.ts:3\n.*7 has no test.*\n.*7 has no mutant/,
    );
    expect(found).toMatch(/9 is not listed/);
    expect(found).not.toMatch(/invariant 1 /);
  });

  test('mutants whose place or test is gone', () => {
    const texts: Record<string, string> = { 'a.ts': 'x y x', 'a.test.ts': "test('invariant 1: z'" };
    const mutant = { invariant: 1, file: 'a.ts', replace: '', test: ['a.test.ts', 'invariant 1: z'] } as const;
    const reason = (change: Partial<Mutant>) =>
      staleReason({ ...mutant, find: 'y', ...change }, (path) => texts[path] ?? '');
    expect(reason({})).toBeNull();
    expect(reason({ find: 'x' })).toMatch(/2 times/);
    expect(reason({ test: ['a.test.ts', 'gone'] })).toMatch(/no test/);
    expect(sample([{ ...mutant, find: 'y' }], 5, 1)).toHaveLength(1);
  });
});
