/** How long commands take that ask no server: a process each, started as a user starts it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtLauncher } from './build.ts';
import { median, publish, spread } from './report.ts';

const ROUNDS = 9;
const FILES = 100;
const CASES = 200;

interface Row {
  readonly name: string;
  readonly args: readonly string[];
  readonly project: 'one' | 'hundred' | 'cases';
  readonly barMs: number;
}

const rowsOf: readonly Row[] = [
  { name: `lint of ${FILES} files`, args: ['lint'], project: 'hundred', barMs: 1_000 },
  { name: `test of ${CASES} cases`, args: ['test'], project: 'cases', barMs: 2_000 },
  ...[
    ['--help'],
    ['lint'],
    ['lint', '--json'],
    ['test'],
    ['graph'],
    ['schema'],
    ['secrets'],
    ['completion', 'bash'],
  ].map((args): Row => ({ name: args.join(' '), args, project: 'one', barMs: 300 })),
];

function pipeline(number: number, cases: number): string {
  const test = (i: number) => `
  - name: case ${i}
    given: [{ insert: products, after: { id: ${i}, name: x, stock: ${i + 1}, published: true, price_cents: ${i}, secret: s } }]
    expect: { cache: [{ upsert: { id: ${i}, price: ${i / 100} } }] }`;
  return `name: shop${number}
source:
  type: postgres
  url: postgres://reader@localhost/shop${number}
  tables: [public.products]
transform:
  - drop: [secret]
  - set: { price: price_cents / 100 }
  - filter: published and stock > 0
sinks:
  cache: { type: redis, url: "redis://localhost", key: "shop${number}:{id}" }
${cases === 0 ? '' : `tests:${Array.from({ length: cases }, (_, i) => test(i)).join('')}\n`}`;
}

/** Directories of the projects by name. */
function makeProjects(dir: string): Readonly<Record<Row['project'], string>> {
  const made = { one: [1, 1], hundred: [FILES, 0], cases: [1, CASES] } as const;
  for (const [name, [files, cases]] of Object.entries(made)) {
    mkdirSync(join(dir, name, 'pipelines'), { recursive: true });
    for (let i = 0; i < files; i++) writeFileSync(join(dir, name, 'pipelines', `p${i}.yaml`), pipeline(i, cases));
  }
  return { one: join(dir, 'one'), hundred: join(dir, 'hundred'), cases: join(dir, 'cases') };
}

/** Wall clock, ms. */
function timed(launcher: string, { args, name }: Row, cwd: string): number {
  const start = performance.now();
  const { status, stderr, stdout } = spawnSync(process.execPath, [launcher, ...args], { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${name}: exit code ${status}\n${stdout}${stderr}`);
  return performance.now() - start;
}

export async function run(): Promise<void> {
  const launcher = builtLauncher();
  const dir = mkdtempSync(join(tmpdir(), 'tailrace-bench-cli-'));
  try {
    const projects = makeProjects(dir);
    const times = rowsOf.map((): number[] => []);
    const bare: number[] = [];
    for (let round = -1; round < ROUNDS; round++) {
      const start = performance.now();
      spawnSync(process.execPath, ['-e', '0']);
      if (round >= 0) bare.push(performance.now() - start);
      for (const [i, row] of rowsOf.entries()) {
        const ms = timed(launcher, row, projects[row.project]);
        if (round >= 0) times[i]!.push(ms);
      }
    }
    publish({
      name: 'cli',
      title: 'Commands that ask no server',
      header: ['command', 'ms (min–max)', 'bar, ms', ''],
      rows: rowsOf.map(({ name, barMs }, i) => {
        const verdict = median(times[i]!) < barMs ? 'met' : 'missed';
        return [`\`${name}\``, spread(times[i]!, 0), String(barMs), verdict];
      }),
      notes: [
        `Wall clock of a whole process, of the package as it is published; ${ROUNDS} rounds in turn after a warm-up. Node.js alone takes ${spread(bare, 0)} ms.`,
        'The pipelines have a source, three steps and a sink each; a case is one row that goes through them.',
      ],
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
