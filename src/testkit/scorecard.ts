/** Runs the cases of a suite one after the other and says what became of each. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { CaseResult, Scorecard } from '../contracts/acceptance.ts';
import { TailraceError } from '../contracts/errors.ts';
import type { AcceptanceCase, AcceptanceSuite } from './suite.ts';

export interface RunOptions {
  /** Only the case of this id, or those whose ids begin with it and a slash. Throws when there is none. */
  readonly only?: string;
  readonly signal?: AbortSignal;
  /** Called after each case. */
  onResult?(result: CaseResult): void;
}

/** Never rejects for a failed case. */
export async function runSuite(suite: AcceptanceSuite, options: RunOptions = {}): Promise<Scorecard> {
  const { only, signal, onResult } = options;
  const chosen = suite.cases.filter(({ id }) => only === undefined || id === only || id.startsWith(`${only}/`));
  assert.ok(chosen.length > 0, `there is no case ${only}`);
  const results: CaseResult[] = [];
  await suite.start();
  try {
    for (const one of chosen) {
      signal?.throwIfAborted();
      const result = await resultOf(one, signal);
      results.push(result);
      onResult?.(result);
    }
  } finally {
    await suite.stop();
  }
  return { part: suite.part, name: suite.name, results };
}

async function resultOf(one: AcceptanceCase, signal: AbortSignal | undefined): Promise<CaseResult> {
  const { id, title, skip } = one;
  if (skip !== null) return { id, title, status: 'not-applicable', reason: skip, note: null, ms: 0 };
  const start = performance.now();
  const done = (status: 'passed' | 'failed', reason: string | null, note: string | null): CaseResult => {
    return { id, title, status, reason, note, ms: Math.round(performance.now() - start) };
  };
  try {
    return done('passed', null, await one.run(signal));
  } catch (error) {
    return done('failed', reasonOf(error), null);
  }
}

/** The rows of a case are the kit's own: an author is shown all that there is. */
function reasonOf(error: unknown): string {
  if (error instanceof assert.AssertionError) return error.message;
  if (!(error instanceof TailraceError)) return inspect(error);
  const { code, message, detail, remedy } = error;
  return [`${code}: ${message}`, detail, remedy].filter((text) => text !== undefined).join('\n');
}
