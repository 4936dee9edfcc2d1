/**
 * `npm run compat -- <suite>… [--source DIR|URL] [--work DIR] [--only REGEXP] [--publish]`: test suites of other Kafka
 * clients against `tailrace run`. Nothing of theirs is kept in the repository: the source is given by the user.
 */
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { publish } from '../../bench/report.ts';
import { startBroker } from './broker.ts';
import { checkOut } from './checkout.ts';
import { type Tally, tally } from './exclusions.ts';
import { kafkajs } from './kafkajs.ts';
import { platformatic } from './platformatic.ts';
import type { Suite, TestResult } from './suite.ts';

const suites: readonly Suite[] = [kafkajs, platformatic];
const MESSAGE_CHARS = 300;

function usage(): string {
  const lines = suites.map(({ name, variable, needs }) => `  ${name.padEnd(14)}--source or ${variable}: ${needs}`);
  return `npm run compat -- <suite>… [--source DIR|URL] [--work DIR] [--only REGEXP] [--publish]\n\n${lines.join('\n')}\n`;
}

interface Options {
  readonly source?: string | undefined;
  readonly work?: string | undefined;
  readonly only?: string | undefined;
  readonly publish: boolean;
}

async function run(suite: Suite, options: Options): Promise<number> {
  const source = options.source ?? process.env[suite.variable];
  if (source === undefined) {
    process.stderr.write(`${suite.name}: --source or ${suite.variable} must name ${suite.needs}\n`);
    return 2;
  }
  const work = resolve(options.work ?? join(tmpdir(), `tailrace-compat-${suite.name}`));
  const checkout = checkOut(suite, source, work);
  const data = join(work, `run-${process.pid}`);
  const brokers = [];
  try {
    for (const files of suite.brokers) brokers.push(await startBroker(files, data));
    const results = await suite.run(checkout, new RegExp(options.only ?? '.'));
    const counts = tally(results, suite.exclusions);
    show(suite, counts);
    if (options.publish) publishTable(suite, counts);
    return counts.failed.length === 0 && isMet(suite, counts) ? 0 : 1;
  } finally {
    await Promise.all(brokers.map((broker) => broker.stop()));
  }
}

/** Of all tests that need a broker and that the suite does not skip itself. */
function total({ passed, failed, excluded, notRun }: Tally): number {
  return passed.length + failed.length + excluded.length + notRun;
}

function isMet({ bar }: Suite, counts: Tally): boolean {
  const passed = counts.passed.length;
  return 'passed' in bar ? passed >= bar.passed : passed >= bar.share * total(counts);
}

function show(suite: Suite, counts: Tally): void {
  const list = (title: string, tests: readonly TestResult[]) => {
    if (tests.length > 0) process.stdout.write(`\n${title}:\n`);
    for (const { file, name, message } of tests) {
      process.stdout.write(`  ${file}: ${name}\n      ${message.replaceAll('\n', ' ').slice(0, MESSAGE_CHARS)}\n`);
    }
  };
  list('failed', counts.failed);
  list('excluded, and failed', counts.excluded);
  list('excluded, but passed: the exclusion is no longer needed', counts.needless);
  process.stdout.write(`\n${suite.name} ${suite.ref}: ${sentence(counts)}; bar ${barText(suite)}\n`);
}

function sentence(counts: Tally): string {
  const { passed, failed, excluded, notRun, skipped } = counts;
  const out = excluded.length + notRun;
  const share = ((100 * passed.length) / total(counts)).toFixed(1);
  return `${passed.length} passed of ${total(counts)} (${share} %), ${failed.length} failed, ${out} excluded, ${skipped.length} skipped by the suite itself`;
}

function barText({ bar }: Suite): string {
  return 'passed' in bar ? `${bar.passed} passed` : `${bar.share * 100} %`;
}

const PAGE = new URL('../../docs/compatibility.md', import.meta.url);

function publishTable(suite: Suite, counts: Tally): void {
  const { passed, failed, excluded, notRun, skipped } = counts;
  const numbers = [total(counts), passed.length, failed.length, excluded.length + notRun, skipped.length];
  const section = {
    name: `compat-${suite.name}`,
    title: `Test suite of ${suite.name} ${suite.ref} against \`tailrace run\``,
    header: ['tests that need a broker', 'passed', 'failed', 'excluded', 'skipped by the suite itself', 'bar'],
    rows: [[...numbers.map(String), barText(suite)]],
    notes: suite.exclusions.map(({ reason, files = {}, tests = [] }) => {
      const names = [...Object.entries(files).map(([file, count]) => `${file} (${count})`), ...tests];
      return `Excluded: ${reason}: ${names.map((name) => `“${name}”`).join(', ')}`;
    }),
  };
  publish(section, PAGE);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      source: { type: 'string' },
      work: { type: 'string' },
      only: { type: 'string' },
      publish: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  const chosen = suites.filter(({ name }) => positionals.includes(name));
  if (chosen.length === 0 || chosen.length < positionals.length) {
    process.stdout.write(usage());
    return 2;
  }
  let worst = 0;
  for (const suite of chosen) worst = Math.max(worst, await run(suite, values));
  return worst;
}

process.exitCode = await main();
