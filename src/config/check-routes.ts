/** Steps whose sinks must see every change (`Rules.needEveryChange`): what around them does not fit. */
import type { PipelinePlan } from '../contracts/plan.ts';
import type { ReadContext } from './parts.ts';

export function checkRoutes({ registry, file }: ReadContext, { transform, staged = 0, sinks }: PipelinePlan): void {
  const needs = (steps: PipelinePlan['transform']) => registry.rules.needEveryChange?.(steps) === true;
  for (const step of transform.slice(0, staged)) {
    if (!needs([step])) continue;
    const message = `${step.verb} stands above a step that looks at other rows`;
    const fix = 'put it below: that step reads tables as the sources have them';
    file.report({ level: 'error', code: 'step-place', message, path: [...step.path, step.verb], onKey: true, fix });
  }
  for (const sink of sinks) {
    const step = [...transform, ...sink.transform].find((one) => needs([one]));
    if (step === undefined || sink.deadLetters !== 'skip') continue;
    const message = `behind ${step.verb} no change of a row can be passed over: dead_letters: skip`;
    const fix = 'write dead_letters: block_key, or remove the line';
    file.report({ level: 'error', code: 'invalid-value', message, path: [...sink.path, 'dead_letters'], fix });
  }
}
