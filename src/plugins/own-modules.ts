/**
 * `tailrace/sdk` and `tailrace/testkit` are, for every module of this process, those of this very product: with a second copy
 * errors and schemas of a plugin would not be recognised, and a plugin in a plain directory would find none at all.
 */
import { registerHooks } from 'node:module';

const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const MODULE_FORMAT = EXTENSION === 'ts' ? 'module-typescript' : 'module';
const OWN = new Map(
  ['sdk', 'testkit'].map((name) => [
    `tailrace/${name}`,
    new URL(`../${name}/index.${EXTENSION}`, import.meta.url).href,
  ]),
);

let isRegistered = false;

/** Idempotent. */
export function useOwnModules(): void {
  if (isRegistered) return;
  isRegistered = true;
  registerHooks({
    resolve(specifier, context, next) {
      const url = OWN.get(specifier);
      if (url === undefined) return next(specifier, context);
      return { url, format: MODULE_FORMAT, shortCircuit: true };
    },
  });
}
