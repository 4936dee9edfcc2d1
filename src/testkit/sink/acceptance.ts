/** The acceptance kit of sinks. */
import type { SinkManifest } from '../../contracts/plugin.ts';
import type { SinkDriver } from '../sink-driver.ts';
import { type AcceptanceSuite, casesOf } from '../suite.ts';
import type { SinkCase } from './bench.ts';
import { crashCases } from './crash-cases.ts';
import { failureCases } from './failure-cases.ts';
import { positionCases } from './position-cases.ts';
import { rowCases } from './row-cases.ts';
import { schemaCases } from './schema-cases.ts';
import { checkCases, secretCases, settingsCases } from './settings-cases.ts';
import { valueCases } from './value-cases.ts';
import { markerCases, versionCases } from './version-cases.ts';

const cases: readonly SinkCase[] = [
  ...settingsCases,
  ...checkCases,
  ...secretCases,
  ...rowCases,
  ...versionCases,
  ...markerCases,
  ...positionCases,
  ...valueCases,
  ...failureCases,
  ...schemaCases,
  ...crashCases,
];

/** @param sink as `defineSink` gives it */
export function sinkAcceptance(sink: SinkManifest, driver: SinkDriver): AcceptanceSuite {
  return {
    part: 'sink',
    name: sink.type,
    cases: casesOf(cases, { sink, driver }, driver),
    start: async () => driver.start?.(),
    stop: async () => driver.stop?.(),
  };
}
