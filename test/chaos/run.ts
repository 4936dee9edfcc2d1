/**
 * `npm run chaos -- <name>… [--seed N] [--cycles N]`: what `npm test` samples, in full. Without a name: lists what there is; with
 * cycles only, `delivery`.
 *
 * The tests themselves are those of `npm test`; TAILRACE_FULL makes the ones that walk a matrix walk all of it, and
 * TAILRACE_TEST_RUNS says how many random programs the property tests run, TAILRACE_TEST_LOSSES how many answers of a target are lost.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const RUNS = '2000';
const LOSSES = '10000';
const TEST_MS = 4 * 3_600_000;

interface Campaign {
  readonly summary: string;
  readonly command: readonly string[];
  /** Not in full. */
  readonly isSample?: boolean;
}

const tests = (...filters: string[]): readonly string[] => [VITEST, 'run', ...filters, `--testTimeout=${TEST_MS}`];

const campaigns: Readonly<Record<string, Campaign>> = {
  log: {
    summary: 'the log: crashes, power loss, kills, disk errors, every cut and every flipped bit',
    command: tests('src/log', 'test/acceptance/log', 'test/chaos/log'),
  },
  kafka: {
    summary: 'the Kafka listener: client matrix, hostile clients, codecs, random transactions and groups',
    command: tests('test/compat', 'src/protocol', 'src/wire'),
  },
  postgres: {
    summary: 'PostgreSQL: types, cut connections, kills, decoder, stops after every message, transactions of any size',
    command: tests('connectors/postgres/', 'test/e2e/postgres'),
  },
  'postgres-versions': {
    summary: 'PostgreSQL 14 to 17, out of npm: the sample of each of its tests',
    command: ['test/chaos/postgres-versions.ts', 'connectors/postgres/'],
    isSample: true,
  },
  mysql: {
    summary: 'MySQL and MariaDB: types, cut connections, failover, damaged events, random changes into the sink',
    command: tests('connectors/mysql/', 'test/e2e/mysql'),
  },
  sinks: {
    summary: 'random changes, repeats, kills and 10,000 lost answers against every target',
    command: tests('sink.test', 'src/sdk', 'connectors/redis', 'connectors/elasticsearch'),
  },
  rules: { summary: 'expressions against the answers of PostgreSQL', command: tests('src/rules') },
  plugins: {
    summary: 'the acceptance kit on every built-in connector, kills of the whole product included',
    command: tests('test/acceptance/connectors', 'sink.test', '--testNamePattern=acceptance kit'),
  },
  delivery: {
    summary:
      'from PostgreSQL into four targets through kills, power losses, pauses, cuts and restarts: --cycles, or 1000',
    command: tests('test/chaos/delivery'),
  },
  process: { summary: 'the whole process: faults from outside', command: tests('test/e2e') },
  verify: {
    summary: 'the demo killed and compared',
    command: ['bin/tailrace.cjs', 'demo', '--verify', '--seconds', '120'],
  },
  mutants: { summary: 'every mutant must turn its test red', command: ['test/run-mutants.ts'] },
};

function list(): string {
  const lines = Object.entries(campaigns).map(([name, { summary }]) => `  ${name.padEnd(19)}${summary}`);
  return `npm run chaos -- <name>… [--seed N] [--cycles N]\n\n${lines.join('\n')}\n`;
}

interface Settings {
  readonly seed: string;
  /** Of `delivery`; undefined: its own number. */
  readonly cycles: string | undefined;
}

/** Resolves to the exit code of the command. */
async function run(name: string, { command, isSample = false }: Campaign, { seed, cycles }: Settings): Promise<number> {
  process.stdout.write(`\n== ${name}, seed ${seed}\n`);
  const env = {
    ...process.env,
    TAILRACE_SEED: seed,
    ...(cycles === undefined ? {} : { TAILRACE_CYCLES: cycles }),
    ...(!isSample && { TAILRACE_FULL: '1', TAILRACE_TEST_RUNS: process.env.TAILRACE_TEST_RUNS ?? RUNS }),
    TAILRACE_TEST_LOSSES: process.env.TAILRACE_TEST_LOSSES ?? LOSSES,
  };
  const child = spawn(process.execPath, command, { cwd: ROOT, env, stdio: 'inherit' });
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { seed: { type: 'string' }, cycles: { type: 'string' } },
    allowPositionals: true,
  });
  const names = positionals.length === 0 && values.cycles !== undefined ? ['delivery'] : positionals;
  const unknown = names.filter((name) => !Object.hasOwn(campaigns, name));
  if (names.length === 0 || unknown.length > 0) {
    process.stdout.write(`${unknown.length > 0 ? `no campaign "${unknown.join('", "')}"\n\n` : ''}${list()}`);
    return names.length === 0 ? 0 : 2;
  }
  const seed = values.seed ?? String(Date.now() % 2 ** 31);
  let failed = 0;
  for (const name of names)
    failed = Math.max(failed, await run(name, campaigns[name]!, { seed, cycles: values.cycles }));
  return failed;
}

process.exitCode = await main();
