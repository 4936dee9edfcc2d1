import { describe } from 'vitest';
import { sink } from '../../../connectors/file/index.ts';
import { sinkAcceptance } from '../../../src/testkit/index.ts';
import { acceptanceTests } from '../run-kit.ts';
import { driver } from './file.driver.ts';

describe('file passes the acceptance kit', () => acceptanceTests(sinkAcceptance(sink, driver)));
