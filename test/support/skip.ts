/** Tests skip loudly, and with CI=true only for reasons that `.ci/allowed-skips` names. */
import { readFileSync } from 'node:fs';

/**
 * For `test.skipIf`, `describe.skipIf`: true when something is missing. Prints it; throws where it may not skip.
 * @param key as in `.ci/allowed-skips`
 * @param missing what is missing and how to get it; null when nothing is
 */
export function mustSkip(key: string, missing: string | null): boolean {
  if (missing === null) return false;
  const ci = process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false';
  if (ci && !allowedSkips().has(key)) throw new SkipNotAllowed(key, missing);
  console.warn(`SKIPPED ${key}: ${missing}`);
  return true;
}

class SkipNotAllowed extends Error {
  constructor(key: string, missing: string) {
    super(`${key} cannot run and .ci/allowed-skips does not name it: ${missing}`);
    this.name = 'SkipNotAllowed';
  }
}

export function allowedSkips(): ReadonlySet<string> {
  const text = readFileSync(new URL('../../.ci/allowed-skips', import.meta.url), 'utf8');
  return new Set(text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#')));
}
