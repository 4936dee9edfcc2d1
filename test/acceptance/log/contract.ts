/**
 * The log contract suite: every sentence of `src/contracts/log.ts` as a test. A backend passes it when all of them do.
 */
import { describe } from 'vitest';
import { commitContract } from './contract-commits.ts';
import { durabilityContract } from './contract-durability.ts';
import { readContract } from './contract-reading.ts';
import { writerContract } from './contract-writers.ts';
import type { CreateLogStore } from './log-under-test.ts';

export type { CreateLogStore, LogStore } from './log-under-test.ts';

/** Declares the tests. @param create a new, empty store for each test */
export function logContract(name: string, create: CreateLogStore): void {
  describe(`${name} keeps the contract of the log`, () => {
    commitContract(create);
    writerContract(create);
    readContract(create);
    durabilityContract(create);
  });
}
