/** The acceptance kit of sources. */
import type { SourceManifest } from '../../contracts/plugin.ts';
import type { SourceDriver } from '../source-driver.ts';
import { type AcceptanceSuite, casesOf } from '../suite.ts';
import type { SourceCase } from './bench.ts';
import { crashCases } from './crash-cases.ts';
import { failureCases } from './failure-cases.ts';
import { readingCases } from './reading-cases.ts';
import { settingsCases } from './settings-cases.ts';

const cases: readonly SourceCase[] = [...settingsCases, ...readingCases, ...failureCases, ...crashCases];

/** @param source as `defineSource` gives it */
export function sourceAcceptance(source: SourceManifest, driver: SourceDriver): AcceptanceSuite {
  return {
    part: 'source',
    name: source.type,
    cases: casesOf(cases, { source, driver }, driver),
    start: async () => driver.start?.(),
    stop: async () => driver.stop?.(),
  };
}
