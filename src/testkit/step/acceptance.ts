/** The acceptance kit of steps. */
import type { StepManifest } from '../../contracts/plugin.ts';
import type { StepDriver } from '../step-driver.ts';
import { type AcceptanceSuite, casesOf } from '../suite.ts';
import { stepCases } from './cases.ts';

/** @param step as `defineStep` gives it */
export function stepAcceptance(step: StepManifest, driver: StepDriver): AcceptanceSuite {
  return {
    part: 'step',
    name: step.verb,
    cases: casesOf(stepCases, { step, driver }, driver),
    start: async () => {},
    stop: async () => {},
  };
}
