/** A server that a test cannot do without: brought up, or the tests are skipped loudly (see skip.ts). */
import { TailraceError } from '../../src/contracts/errors.ts';
import { mustSkip } from './skip.ts';

/**
 * The started server, or null when it is not to be had; then the line `SKIPPED <key>: …` was printed. With CI=true it
 * throws instead, unless `.ci/allowed-skips` names the key. A server that is there but does not start is always an error.
 * @param key e.g. `redis`, `elasticsearch`
 */
export async function needServer<S>(key: string, start: () => Promise<S>): Promise<S | null> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'demo.missing') throw error;
    mustSkip(key, `${error.message} ${error.remedy ?? ''}`.trim());
    return null;
  }
}
