/** All suites of a plugin, one after the other: what `tailrace plugin test` runs. */
import type { Scorecard } from '../contracts/acceptance.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { SinkManifest, SourceManifest, StepManifest } from '../contracts/plugin.ts';
import { runSuite } from './scorecard.ts';
import { sinkAcceptance } from './sink/acceptance.ts';
import type { SinkDriver } from './sink-driver.ts';
import { sourceAcceptance } from './source/acceptance.ts';
import type { SourceDriver } from './source-driver.ts';
import { stepAcceptance } from './step/acceptance.ts';
import type { StepDriver } from './step-driver.ts';
import type { AcceptanceSuite } from './suite.ts';

/** What a driver's module exports: one for each part of the plugin. */
export interface Drivers {
  readonly source?: SourceDriver;
  readonly sink?: SinkDriver;
  /** By verb. */
  readonly steps?: Readonly<Record<string, StepDriver>>;
}

export interface PluginParts {
  readonly source?: SourceManifest;
  readonly sink?: SinkManifest;
  readonly steps?: readonly StepManifest[];
}

/** @param module the plugin's, or null: it wins over what the drivers say. Throws `plugin.invalid` for a part without a driver. */
export function pluginSuites(parts: PluginParts, drivers: Drivers, module: string | null): readonly AcceptanceSuite[] {
  const { source, sink, steps = [] } = parts;
  return [
    ...(source === undefined ? [] : [sourceAcceptance(source, { ...needed('source', drivers.source), module })]),
    ...(sink === undefined ? [] : [sinkAcceptance(sink, { ...needed('sink', drivers.sink), module })]),
    ...steps.map((step) => stepAcceptance(step, needed(`steps.${step.verb}`, drivers.steps?.[step.verb]))),
  ];
}

function needed<D>(name: string, driver: D | undefined): D {
  if (driver !== undefined) return driver;
  throw new TailraceError('plugin.invalid', `the driver exports no \`${name}\`, which the plugin brings`, {
    remedy: `write export const ${name.split('.')[0]} = { … }: docs/plugins.md, "The acceptance kit"`,
  });
}

export interface TestOptions {
  readonly only: string | null;
  readonly isQuick: boolean;
}

/** Suites of which no case is chosen are left out. */
export async function runSuites(
  suites: readonly AcceptanceSuite[],
  { only, isQuick }: TestOptions,
): Promise<readonly Scorecard[]> {
  const cards: Scorecard[] = [];
  for (const suite of suites) {
    const cases = suite.cases.filter(
      ({ id, isLong }) => (only === null || id === only || id.startsWith(`${only}/`)) && !(isQuick && isLong),
    );
    if (cases.length > 0) cards.push(await runSuite({ ...suite, cases }));
  }
  return cards;
}
