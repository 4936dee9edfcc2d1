/**
 * The acceptance kit: what every source, sink and step must do, tried on one with a driver for the real system. Knows no test
 * runner. `tailrace/testkit`.
 */
export type { CaseResult, PluginPart, Scorecard } from '../contracts/acceptance.ts';
export { type RunOptions, runSuite } from './scorecard.ts';
export { sinkAcceptance } from './sink/acceptance.ts';
export { KIT_TABLE } from './sink/bench.ts';
export type { SinkDriver, SinkSettings, SinkTarget, TargetRow } from './sink-driver.ts';
export { sourceAcceptance } from './source/acceptance.ts';
export type { SourceChange, SourceDriver, SourceOrigin, SourceSettings } from './source-driver.ts';
export { stepAcceptance } from './step/acceptance.ts';
export type { StepDriver, StepUse } from './step-driver.ts';
export type { AcceptanceCase, AcceptanceSuite } from './suite.ts';
export { type Drivers, type PluginParts, pluginSuites, runSuites, type TestOptions } from './test-plugin.ts';
