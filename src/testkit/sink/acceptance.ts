/** The acceptance kit of sinks. */
import type { SinkManifest } from '../../contracts/plugin.ts';
import type { SinkDriver } from '../sink-driver.ts';
import { type AcceptanceSuite, casesOf } from '../suite.ts';
import type { SinkCase } from './bench.ts';
import { positionCases } from './position-cases.ts';
import { rowCases } from './row-cases.ts';
import { markerCases, versionCases } from './version-cases.ts';

const cases: readonly SinkCase[] = [...rowCases, ...versionCases, ...markerCases, ...positionCases];

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
