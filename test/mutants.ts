/** All mutants; `test/run-mutants.ts` applies them, the architecture test holds them against the invariants. */
import { configMutants } from './mutants/config.ts';
import { envelopeMutants } from './mutants/envelope.ts';
import { logMutants } from './mutants/log.ts';
import type { Mutant } from './mutants/mutant.ts';
import { mysqlMutants } from './mutants/mysql.ts';
import { operationsMutants } from './mutants/operations.ts';
import { postgresMutants } from './mutants/postgres.ts';
import { protocolMutants } from './mutants/protocol.ts';
import { rehydrateMutants } from './mutants/rehydrate.ts';
import { rulesMutants } from './mutants/rules.ts';
import { runtimeMutants } from './mutants/runtime.ts';
import { sinkMutants } from './mutants/sinks.ts';
import { snapshotMutants } from './mutants/snapshots.ts';
import { stageMutants } from './mutants/stage.ts';
import { verifyMutants } from './mutants/verify.ts';

export type { Mutant };
export const mutants: readonly Mutant[] = [
  ...rulesMutants,
  ...logMutants,
  ...runtimeMutants,
  ...postgresMutants,
  ...snapshotMutants,
  ...mysqlMutants,
  ...sinkMutants,
  ...configMutants,
  ...envelopeMutants,
  ...protocolMutants,
  ...operationsMutants,
  ...rehydrateMutants,
  ...stageMutants,
  ...verifyMutants,
];
