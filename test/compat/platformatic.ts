/** The client tests of @platformatic/kafka: node --test, a single broker, one with users, and a cluster of three. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { platformaticExclusions } from './platformatic-exclusions.ts';
import type { Checkout, Suite, TestResult } from './suite.ts';

const REPORTER = fileURLToPath(new URL('./node-test-reporter.ts', import.meta.url));
const TEST_MS = 90_000;
const FILE_MS = 600_000;
/** Where tests ask which Kafka they run against: one that has no groups of the new protocol (KIP-848). */
const KAFKA_VERSION = '7.9.0';

const advertiseHost = 'localhost';

export const platformatic: Suite = {
  name: 'platformatic',
  variable: 'TAILRACE_COMPAT_PLATFORMATIC',
  needs: 'a clone of the git repository of @platformatic/kafka (platformatic/kafka): its npm package has no tests',
  ref: 'f84b496',
  packages:
    /^(@opentelemetry\/instrumentation|@watchable\/unpromise|fast-jwt|json5|lz4-napi|prom-client|semver|snappy)$/,
  morePackages: ['import-in-the-middle'],
  // Native, and only for Kerberos, which is not offered.
  emptyPackages: ['kerberos'],
  bar: { share: 0.95 },
  exclusions: platformaticExclusions,
  brokers: [
    { name: 'single', kafka: { listen: '127.0.0.1:9001', advertise: 'localhost:9001' }, facade: null },
    {
      name: 'sasl',
      kafka: { listen: '127.0.0.1:9002' },
      facade: {
        nodes: [1],
        replicationFactor: 1,
        acls: { superUsers: ['admin', 'ANONYMOUS'] },
        entrances: [
          { ports: [9002], advertiseHost, users: [{ name: 'admin', password: 'admin' }], sessionLifetimeMs: 5_000 },
          { ports: [19_002], advertiseHost },
        ],
      },
    },
    {
      name: 'cluster',
      kafka: { listen: '127.0.0.1:9011' },
      facade: {
        nodes: [1, 2, 3],
        replicationFactor: 1,
        acls: { superUsers: ['ANONYMOUS'] },
        entrances: [{ ports: [9011, 9012, 9013], advertiseHost }],
      },
    },
  ],
  run,
};

async function run({ dir, work }: Checkout, filter: RegExp): Promise<readonly TestResult[]> {
  const excluded = new Set(platformaticExclusions.flatMap(({ files = {} }) => Object.keys(files)));
  const patterns = ['test/clients/**/*.test.ts', 'test/issues/*.ts', 'test/network/connection.test.ts'];
  const files = patterns
    .flatMap((pattern) => globSync(pattern, { cwd: dir }))
    .filter((file) => !excluded.has(file) && filter.test(file));
  const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path, KAFKA_VERSION };
  const report = join(work, 'node-test.jsonl');
  return files.flatMap((file) => {
    process.stdout.write(`${file}\n`);
    rmSync(report, { force: true });
    const reporter = [`--test-reporter=${REPORTER}`, `--test-reporter-destination=${report}`];
    const words = ['--test', '--test-concurrency=1', `--test-timeout=${TEST_MS}`, ...reporter, file];
    // One file at a time: what hangs does not take the others with it.
    const { status, error } = spawnSync(process.execPath, words, { cwd: dir, env, stdio: 'ignore', timeout: FILE_MS });
    const results = existsSync(report) ? read(report, file) : [];
    const isWhole = error === undefined && (status === 0 || results.some((result) => result.status === 'failed'));
    if (isWhole) return results;
    return [...results, { file, name: file, status: 'failed' as const, message: 'the file did not end' }];
  });
}

function read(report: string, file: string): TestResult[] {
  const lines = readFileSync(report, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => ({ ...(JSON.parse(line) as Omit<TestResult, 'file'>), file }));
}
