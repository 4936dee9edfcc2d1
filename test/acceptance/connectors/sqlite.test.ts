import { describe } from 'vitest';
import { sink } from '../../../connectors/sqlite/index.ts';
import { sinkAcceptance } from '../../../src/testkit/index.ts';
import { acceptanceTests } from '../run-kit.ts';
import { driver } from './sqlite.driver.ts';

describe('sqlite passes the acceptance kit', () =>
  acceptanceTests(sinkAcceptance(sink, driver), { always: ['crash/after-write'] }));
