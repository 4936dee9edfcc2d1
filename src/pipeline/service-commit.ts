/** Checkpoints that people's commands change, in one commit of a writer of its own. */
import type { Log, LogTransaction } from '../contracts/log.ts';

/** Durable when it resolves. @param name of the writer: nobody else commits under it meanwhile */
export async function serviceCommit(
  log: Log,
  name: string,
  stage: (transaction: LogTransaction) => void,
): Promise<void> {
  const transaction = log.begin(name, await log.fence(name));
  stage(transaction);
  await transaction.commit();
}
