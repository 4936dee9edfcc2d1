/** The embedded log keeps the contract, on the real disk and where a few commits cross every border. */

import { Random } from '../../../demo/shop/random.ts';
import { testSeed } from '../../support/seed.ts';
import { logContract } from './contract.ts';
import { realStore, simulatedStore, TIGHT } from './embedded-stores.ts';

const seed = testSeed;
console.log(`contract of the log, power losses of seed ${seed}`);
const random = new Random(seed);

logContract('the embedded log', () => realStore());
logContract('the embedded log with tight limits', () => realStore(TIGHT));
logContract('the embedded log on a disk that loses power', () => simulatedStore(() => random.unit()));
