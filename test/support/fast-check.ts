/** fast-check with the seed of the run. */
// biome-ignore lint/style/noRestrictedImports: the one place that sets the seed
import fc from 'fast-check';
import { testSeed } from './seed.ts';

fc.configureGlobal({ seed: testSeed });

export default fc;
