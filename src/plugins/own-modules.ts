/**
 * `tailrace/sdk` is, for every module of this process, that of this very product: with a second copy errors and schemas of a
 * plugin would not be recognised, and a plugin in a plain directory would find none at all.
 */
import { registerHooks } from 'node:module';

const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const MODULE_FORMAT = EXTENSION === 'ts' ? 'module-typescript' : 'module';
const SDK = 'tailrace/sdk';
const OWN_SDK = new URL(`../sdk/index.${EXTENSION}`, import.meta.url).href;

let isRegistered = false;

/** Idempotent. */
export function useOwnModules(): void {
  if (isRegistered) return;
  isRegistered = true;
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier !== SDK) return next(specifier, context);
      return { url: OWN_SDK, format: MODULE_FORMAT, shortCircuit: true };
    },
  });
}
