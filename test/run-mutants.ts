/**
 * Proves that the tests of the invariants can fail: applies each mutant to a copy of the repository and runs its test.
 *
 *     node test/run-mutants.ts            all of them
 *     node test/run-mutants.ts --sample 3 [--seed N]
 *     node test/run-mutants.ts --only src/pipeline
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Random } from '../demo/shop/random.ts';
import { type Mutant, mutants } from './mutants.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIMIT_MS = 150_000;

/** Null when the mutant was killed (its test failed), else what is wrong. */
export async function runMutant(mutant: Mutant, signal?: AbortSignal): Promise<string | null> {
  const stale = staleReason(mutant, (path) => readFileSync(join(ROOT, path), 'utf8'));
  if (stale !== null) return stale;
  const copy = copyOfRepository();
  try {
    const path = join(copy, mutant.file);
    // A function: `$&` in the replacement stands for itself.
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace(mutant.find, () => mutant.replace),
    );
    return await verdict(copy, mutant, signal);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** What makes a mutant meaningless: its place is gone or ambiguous, or its test no longer exists. */
export function staleReason(mutant: Mutant, read: (path: string) => string): string | null {
  const found = read(mutant.file).split(mutant.find).length - 1;
  if (found !== 1) return `${mutant.file} holds the text to replace ${found} times instead of once`;
  const [file, name] = mutant.test;
  return read(file).includes(name) ? null : `${file} has no test "${name}"`;
}

/** Sources only; node_modules is shared. */
function copyOfRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), 'tailrace-mutant-'));
  for (const name of readdirSync(ROOT)) {
    if (/^(\.git|node_modules|dist|data|\.tailrace|\.cache)$/.test(name)) continue;
    cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly message: string; readonly assertionResults: readonly unknown[] }[];
}

async function verdict(copy: string, mutant: Mutant, signal: AbortSignal | undefined): Promise<string | null> {
  const [file, name] = mutant.test;
  const reportFile = join(copy, 'report.json');
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  // `invariant 1` must not run the tests of invariant 11.
  const pattern = `${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}${/\w$/.test(name) ? '\\b' : ''}`;
  const words = [vitest, 'run', file, '-t', pattern, '--reporter=json', `--outputFile=${reportFile}`];
  const timeout = AbortSignal.timeout(LIMIT_MS);
  const child = spawn(process.execPath, [...words, '--testTimeout=30000', '--no-cache', '--no-fsModuleCache'], {
    cwd: copy,
    stdio: 'ignore',
    signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    killSignal: 'SIGKILL',
    // Servers are installed once, not once a copy.
    env: { TAILRACE_CACHE: join(ROOT, '.cache', 'servers'), ...process.env, TAILRACE_MUTANT: '1' },
  });
  await new Promise<void>((resolve) => {
    child.once('error', () => {});
    child.once('close', () => resolve());
  });
  if (timeout.aborted) return `no result within ${LIMIT_MS / 1_000} s`;
  const report = readReport(reportFile);
  if (report === null) return 'vitest wrote no report';
  if (report.numFailedTests > 0) return null;
  if (report.numPassedTests > 0) return `survived: "${name}" still passes`;
  return `the test did not run: ${report.testResults[0]?.message.split('\n')[0] ?? ''}`;
}

function readReport(path: string): Report | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return null;
  }
}

/** `count` different mutants, the same for the same seed. */
export function sample(list: readonly Mutant[], count: number, seed: number): Mutant[] {
  const random = new Random(seed);
  const left = [...list];
  const chosen: Mutant[] = [];
  while (chosen.length < count && left.length > 0) chosen.push(...left.splice(random.between(0, left.length - 1), 1));
  return chosen;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { sample: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' } },
  });
  const wanted = mutants.filter(({ file, test }) => `${file} ${test.join(' ')}`.includes(values.only ?? ''));
  const seed = Number(values.seed ?? Date.now() % 2 ** 31);
  const chosen = values.sample === undefined ? wanted : sample(wanted, Number(values.sample), seed);
  console.log(`${chosen.length} of ${mutants.length} mutants${values.sample === undefined ? '' : `, seed ${seed}`}`);
  let wrong = 0;
  for (const mutant of chosen) {
    const reason = await runMutant(mutant);
    if (reason !== null) wrong++;
    console.log(
      `${reason === null ? 'killed  ' : 'WRONG   '} invariant ${mutant.invariant}  ${mutant.file}  ${reason ?? ''}`,
    );
  }
  return wrong === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
