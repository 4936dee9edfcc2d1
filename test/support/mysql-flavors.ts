import { testSeed } from './seed.ts';

const FLAVORS = ['mysql', 'mariadb'] as const;

/**
 * The servers that a slow file of tests runs on: both in full (`npm run chaos -- mysql`), in a sample one of them, so that each
 * run has some files on either. @param place of the file among those
 */
export function sampledFlavors(place: number): readonly (typeof FLAVORS)[number][] {
  const isFull = process.env.TAILRACE_FULL !== undefined || process.env.TAILRACE_MUTANT !== undefined;
  return isFull ? FLAVORS : [FLAVORS[(testSeed + place) % 2]!];
}
