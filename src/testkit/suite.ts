/** Cases of the acceptance kit: made from definitions, for whichever test runner. */
import assert from 'node:assert/strict';
import type { PluginPart } from '../contracts/acceptance.ts';

export interface AcceptanceCase {
  /** Stable, e.g. `versions/late-write`. */
  readonly id: string;
  readonly title: string;
  /** Why the case does not apply; null: it does. */
  readonly skip: string | null;
  /** Kills processes or moves much data: takes seconds. */
  readonly isLong: boolean;
  /**
   * Rejects with the reason when the plugin fails the case, also when it has not ended after a minute. Resolves to what was
   * measured, if anything was.
   */
  run(signal?: AbortSignal): Promise<string | null>;
}

export interface AcceptanceSuite {
  readonly part: PluginPart;
  /** `type` or `verb` of what is tested. */
  readonly name: string;
  /** Independent of each other, one at a time. */
  readonly cases: readonly AcceptanceCase[];
  /** Once, before the first case. */
  start(): Promise<void>;
  /** Once, after the last case. */
  stop(): Promise<void>;
}

/** How a case is written. `S`: what it is about, `D`: the driver. */
export interface CaseDefinition<S, D> {
  readonly id: string;
  readonly title: string;
  readonly isLong?: true;
  /** What the driver must have for it. Where it has not, the driver says why, or the case fails. */
  readonly needs?: readonly (keyof D & string)[];
  /** Why it does not apply to a plugin with this manifest; null: it does. */
  unfit?(subject: S): string | null;
  /** A text that it resolves to is what was measured. */
  run(subject: S, signal: AbortSignal): Promise<unknown>;
}

interface Driver {
  readonly notApplicable?: Readonly<Record<string, string>>;
}

const CASE_MS = 60_000;

/** @param driver what it says is not applicable must name cases that there are */
export function casesOf<S, D extends Driver>(
  definitions: readonly CaseDefinition<S, D>[],
  subject: S,
  driver: D,
): readonly AcceptanceCase[] {
  const declared = new Map(Object.entries(driver.notApplicable ?? {}));
  const ids = new Set(definitions.map(({ id }) => id));
  const unknown = [...declared.keys()].filter((id) => !ids.has(id));
  assert.deepEqual(unknown, [], 'notApplicable of the driver names cases that there are not');
  return definitions.map((definition): AcceptanceCase => {
    const { id, title, isLong = false, needs = [] } = definition;
    const missing = needs.filter((name) => driver[name] === undefined);
    return {
      id,
      title,
      isLong,
      skip: definition.unfit?.(subject) ?? declared.get(id) ?? null,
      run: async (signal) => {
        if (missing.length > 0) assert.fail(undeclared(id, missing));
        const note = await inTime((inner) => definition.run(subject, inner), signal);
        return typeof note === 'string' ? note : null;
      },
    };
  });
}

function undeclared(id: string, missing: readonly string[]): string {
  const fields = missing.map((name) => `\`${name}\``).join(', ');
  return `the driver has no ${fields}: write it, or say under notApplicable['${id}'] why it cannot be`;
}

/** The work ends in its time, or the case has failed: a plugin that waits for ever holds up nothing. */
async function inTime<T>(work: (signal: AbortSignal) => Promise<T>, outer?: AbortSignal): Promise<T> {
  const inner = new AbortController();
  const signal = outer === undefined ? inner.signal : AbortSignal.any([inner.signal, outer]);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new assert.AssertionError({ message: `did not end in ${CASE_MS / 1_000} s` })),
      CASE_MS,
    );
  });
  try {
    return await Promise.race([work(signal), late]);
  } finally {
    clearTimeout(timer);
    inner.abort(new assert.AssertionError({ message: 'the case is over' }));
  }
}
