import type { Log } from '../../contracts/log.ts';
import type { Clock } from '../../contracts/plugin.ts';
import type { LogWriter } from '../log-writer.ts';
import type { ProducerIds } from '../producer-ids.ts';
import type { Producers } from '../producers.ts';
import type { StagedTransaction } from './staged-transaction.ts';
import type { WriterSlots } from './writer-slots.ts';

/** What transactional producers need of the broker. */
export interface TransactionServices {
  readonly log: Log;
  readonly writer: LogWriter;
  readonly clock: Clock;
  readonly producers: Producers;
  readonly producerIds: ProducerIds;
  readonly slots: WriterSlots;
  /** The transaction has been open for too long. */
  expire(transactionalId: string, transaction: StagedTransaction): void;
}
