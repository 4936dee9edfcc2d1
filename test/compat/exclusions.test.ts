import { expect, test } from 'vitest';
import { tally } from './exclusions.ts';
import { kafkajsExclusions } from './kafkajs-exclusions.ts';
import { platformaticExclusions } from './platformatic-exclusions.ts';
import type { TestResult } from './suite.ts';

const result = (name: string, status: TestResult['status']): TestResult => ({ file: 'f', name, status, message: '' });

test('what failed is excluded by name or by how it begins; what passed all the same is told', () => {
  const results = [
    result('a', 'passed'),
    result('b', 'failed'),
    result('b too', 'failed'),
    result('c one', 'failed'),
    result('c two', 'passed'),
    result('d', 'skipped'),
  ];
  const exclusions = [
    { reason: 'known', tests: ['f: b', 'g: b too', 'c …'] },
    { reason: 'not run', files: { g: 3, h: 2 } },
  ];
  const { passed, failed, excluded, skipped, needless, notRun } = tally(results, exclusions);
  const names = [passed, failed, excluded, skipped, needless].map((list) => list.map(({ name }) => name));
  expect(names).toEqual([['a', 'c two'], ['b too'], ['b', 'c one'], ['d'], ['c two']]);
  expect(notRun).toBe(5);
});

test('every exclusion has a reason, and no test has two', () => {
  for (const exclusions of [kafkajsExclusions, platformaticExclusions]) {
    const names = exclusions.flatMap(({ tests = [], files = {} }) => [...tests, ...Object.keys(files)]);
    expect(new Set(names).size).toBe(names.length);
    for (const { reason } of exclusions) expect(reason).not.toBe('');
  }
});
