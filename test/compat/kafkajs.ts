/** The integration suite of kafkajs: jest, three brokers with three listeners each, as its docker-compose files have them. */
import { spawnSync } from 'node:child_process';
import { chmodSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kafkajsExclusions } from './kafkajs-exclusions.ts';
import type { Checkout, Suite, TestResult } from './suite.ts';

const SHIM = fileURLToPath(new URL('./docker-shim.ts', import.meta.url));
/** Helpers that connect: what uses one of them needs a broker. */
const CONNECTS = /onnectionOpts|createCluster|createConnection|Brokers\b|createTopic|saslEntries|9092/;
const RUN_MS = 2_400_000;

const tls = { key: 'key.pem', certificate: 'certificate.pem' };
const advertiseHost = 'localhost';

export const kafkajs: Suite = {
  name: 'kafkajs',
  variable: 'TAILRACE_COMPAT_KAFKAJS',
  needs: 'a clone of the git repository of kafkajs (tulios/kafkajs): its npm package has no tests',
  ref: 'v2.2.4',
  packages: /^(execa|glob|ip|jest|jest-circus|jest-extended|jest-junit|jsonwebtoken|mockdate|semver|uuid)$/,
  morePackages: [],
  emptyPackages: [],
  bar: { passed: 500 },
  exclusions: kafkajsExclusions,
  brokers: [
    {
      name: 'cluster',
      kafka: { listen: '127.0.0.1:9092' },
      facade: {
        nodes: [0, 1, 2],
        replicationFactor: 2,
        defaultPartitions: 2,
        acls: { superUsers: [], allowUnlisted: true },
        entrances: [
          { ports: [9092, 9095, 9098], advertiseHost },
          { ports: [9093, 9096, 9099], advertiseHost, tls },
          {
            ports: [9094, 9097, 9100],
            advertiseHost,
            tls,
            users: [
              { name: 'test', password: 'testtest', mechanism: 'PLAIN' },
              { name: 'alice', password: 'alicealice', mechanism: 'PLAIN' },
              { name: 'bob', password: 'bobbob', mechanism: 'PLAIN' },
              { name: 'testscram', password: 'testtestscram=256', mechanism: 'SCRAM-SHA-256' },
              { name: 'testscram', password: 'testtestscram=512', mechanism: 'SCRAM-SHA-512' },
            ],
          },
        ],
      },
    },
  ],
  run,
};

interface JestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

async function run({ dir, work }: Checkout, filter: RegExp): Promise<readonly TestResult[]> {
  const files = globSync('src/**/*.spec.js', { cwd: dir }).filter((file) => {
    return filter.test(file) && CONNECTS.test(readFileSync(join(dir, file), 'utf8'));
  });
  const report = join(work, 'jest.json');
  const flags = ['--forceExit', '--maxWorkers=2', '--ci', '--no-watchman', '--reporters=default'];
  const options = [...flags, '--json', `--outputFile=${report}`, '--runTestsByPath', ...files];
  const path = [dockerShim(work), dirname(process.execPath), process.env.PATH].join(delimiter);
  const env = {
    ...process.env,
    PATH: path,
    KAFKA_VERSION: '2.4',
    NODE_ENV: 'test',
    KAFKAJS_DEBUG_PROTOCOL_BUFFERS: '1',
  };
  const words = ['node_modules/jest/bin/jest.js', ...options];
  spawnSync(process.execPath, words, { cwd: dir, env, stdio: ['ignore', 'inherit', 'inherit'], timeout: RUN_MS });
  return results(JSON.parse(readFileSync(report, 'utf8')), dir);
}

function results({ testResults }: JestReport, dir: string): TestResult[] {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(dir, name);
    if (assertionResults.length === 0) return [{ file, name: file, status: 'failed' as const, message }];
    return assertionResults.map(({ fullName, status, failureMessages }) => ({
      file,
      name: fullName,
      status: status === 'passed' || status === 'failed' ? status : ('skipped' as const),
      message: failureMessages[0] ?? '',
    }));
  });
}

/** One helper of the suite calls docker to add partitions. Returns a directory for PATH. */
function dockerShim(work: string): string {
  const bin = join(work, 'bin');
  const file = join(bin, 'docker');
  mkdirSync(bin, { recursive: true });
  writeFileSync(file, `#!/bin/sh\nexec "${process.execPath}" "${SHIM}" "$@"\n`);
  chmodSync(file, 0o755);
  return bin;
}
