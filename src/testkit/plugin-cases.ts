/** What sources and sinks have in common: settings, the pre-flight check, and what may never be shown. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { TailraceError } from '../contracts/errors.ts';
import type { Finding } from '../contracts/plugin.ts';
import type { z } from '../sdk/index.ts';
import type { LogLine } from './made-changes.ts';
import { fieldsOf, looseMaps } from './settings-schema.ts';

const UNKNOWN = 'kit_unknown_key';

/** The settings are taken, and with a key that is not known they are refused with its name. */
export function checkUnknownKey(config: z.ZodType, settings: Readonly<Record<string, unknown>>): void {
  const right = config.safeParse(settings);
  assert.ok(right.success, `the settings of the driver are refused: ${right.error?.message}`);
  const { error } = config.safeParse({ ...settings, [UNKNOWN]: 1 });
  assert.ok(error, 'an unknown key is taken: use z.strictObject');
  const named = error.issues.some((issue) => issue.code === 'unrecognized_keys' && issue.keys.includes(UNKNOWN));
  assert.ok(named, `an unknown key is refused without its name: ${error.message}`);
  assert.deepEqual(looseMaps(config), [], 'maps below it take unknown keys: use z.strictObject');
}

export function checkDocumented(config: z.ZodType): void {
  const bare = fieldsOf(config).filter(({ schema }) => !schema.description?.trim());
  assert.deepEqual(
    bare.map(({ path }) => path),
    [],
    'fields have no .describe(…)',
  );
}

/** Findings that are problems; each says how it is mended. */
export function problemsOf(findings: readonly Finding[]): readonly Finding[] {
  const problems = findings.filter(({ level }) => level === 'problem');
  const bare = problems.filter(({ remedy }) => !remedy?.trim()).map(({ message }) => message);
  assert.deepEqual(bare, [], 'problems without a remedy');
  return problems;
}

export function expectProblem(findings: readonly Finding[], what: string): readonly Finding[] {
  const problems = problemsOf(findings);
  assert.ok(problems.length > 0, `check finds nothing wrong with ${what}: ${inspect(findings)}`);
  return problems;
}

/** All that people get to see: findings, log lines, messages of errors with their remedies. Not details, which dead letters keep. */
export class Shown {
  readonly #texts: string[] = [];

  add(findings: readonly Finding[], lines: readonly LogLine[]): void {
    this.#texts.push(inspect(findings, { depth: 9 }), inspect(lines, { depth: 9, maxStringLength: null }));
  }

  /** Runs it and keeps what it throws. Only typed errors may be thrown. */
  async from<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.error(error);
      return undefined;
    }
  }

  error(error: unknown): void {
    assert.ok(error instanceof TailraceError, `an error that is no TailraceError was thrown: ${inspect(error)}`);
    this.#texts.push(error.message, error.remedy ?? '');
  }

  /** @param canaries texts that may stand nowhere */
  expectNone(canaries: readonly string[], what: string): void {
    for (const canary of canaries) {
      const text = this.#texts.find((shown) => shown.includes(canary));
      assert.equal(text, undefined, `${what} is shown: ${text?.replaceAll(canary, '‹‹here››')}`);
    }
  }
}
