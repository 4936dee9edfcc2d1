/**
 * The seed of everything random in tests: the same in each run, so that a red test is a change's fault. `TAILRACE_SEED`
 * sets another one; `npm run chaos` takes a new one each time.
 */
export const testSeed = Number(process.env.TAILRACE_SEED ?? 20_260);
if (!Number.isSafeInteger(testSeed)) throw new Error('TAILRACE_SEED is a whole number');
