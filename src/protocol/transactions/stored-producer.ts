/** What is durable of a transactional producer. */

/**
 * `ongoing` without an open transaction: it was open when the log was closed or the process died, and what it had staged is
 * gone. It can only be aborted.
 */
export type TransactionState = 'empty' | 'ongoing' | 'committed' | 'aborted';

export interface StoredProducer {
  readonly v: 1;
  readonly producerId: string;
  readonly epoch: number;
  /** After which an open transaction is aborted, ms. */
  readonly timeoutMs: number;
  readonly state: TransactionState;
  /** The last end gave the producer its next epoch. */
  readonly bumped: boolean;
  /** ms since 1970. */
  readonly updatedMs: number;
}

/** What a request says it comes from. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
}
