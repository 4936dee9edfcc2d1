/** What all handlers of a listener share. */
import { randomBytes } from 'node:crypto';
import type { Log } from '../contracts/log.ts';
import type { LeaderEpochs, TimeIndex } from '../contracts/log-admin.ts';
import type { Clock, Logger } from '../contracts/plugin.ts';
import { CLUSTER_ID_CHECKPOINT } from './checkpoint-names.ts';
import { FetchMemory } from './fetch-memory.ts';
import { DEFAULT_GROUP_LIMITS, GroupCoordinator } from './groups/coordinator.ts';
import { GroupOffsets } from './groups/offsets.ts';
import { constantEpoch } from './leader-epochs.ts';
import { locateBatch } from './locate-batch.ts';
import { LogWriter } from './log-writer.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { Nodes } from './nodes.ts';
import { type BrokerOptions, DEFAULT_LIMITS, type Limits } from './options.ts';
import { ProducerIds } from './producer-ids.ts';
import { Producers } from './producers.ts';
import { Quotas } from './quotas.ts';
import { Acls } from './security/acls.ts';
import type { Users } from './security/users.ts';
import { scanningTimeIndex } from './time-scan.ts';
import { Topics } from './topics.ts';
import { TransactionCoordinator } from './transactions/coordinator.ts';

/** Memory kept for answers to Fetch: eight large ones. */
const MAX_IDLE_BYTES = 9 << 20;

export interface Broker {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly fetchMemory: FetchMemory;
  readonly clusterId: string;
  readonly topics: Topics;
  readonly times: TimeIndex;
  readonly epochs: LeaderEpochs;
  readonly writer: LogWriter;
  readonly producers: Producers;
  readonly producerIds: ProducerIds;
  readonly groups: GroupCoordinator;
  readonly offsets: GroupOffsets;
  readonly transactions: TransactionCoordinator;
  /** Null: nobody is restricted. */
  readonly acls: Acls | null;
  /** Users whose SCRAM credentials clients may set; null: users are those of the configuration. */
  readonly alterableUsers: Users | null;
  readonly quotas: Quotas;
  readonly failpoint: (name: string) => void;
  /** Who leads what and where clients are told to connect to. */
  readonly nodes: Nodes;
}

export async function openBroker(
  options: BrokerOptions,
  nodes: Nodes,
  alterableUsers: Users | null = null,
): Promise<Broker> {
  const { log, clock, logger } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const idleBytes = Math.min(MAX_IDLE_BYTES, Math.floor(limits.memoryBytes / 4));
  const writer = await LogWriter.open(log);
  const clusterId = log.checkpoints.get(CLUSTER_ID_CHECKPOINT) ?? (await newClusterId(writer));
  const acls = options.security?.acls;
  const producers = new Producers(log.checkpoints, (at, batch, from) => locateBatch(log, at, batch, from));
  const producerIds = new ProducerIds(log.checkpoints, writer);
  const services = { log, writer, clock, producers, producerIds };
  return {
    log,
    clock,
    logger,
    limits,
    budget: new MemoryBudget(limits.memoryBytes - idleBytes),
    fetchMemory: new FetchMemory(idleBytes),
    clusterId,
    topics: new Topics(log.topics, options.admin?.topics ?? null, clusterId, options.topics),
    times: options.admin?.times ?? scanningTimeIndex(log),
    epochs: options.admin?.epochs ?? constantEpoch(log),
    writer,
    producers,
    producerIds,
    groups: new GroupCoordinator(clock, { ...DEFAULT_GROUP_LIMITS, ...options.groups }),
    offsets: new GroupOffsets(log.checkpoints, writer),
    transactions: new TransactionCoordinator(services, limits.transactionBytes),
    acls: acls === undefined ? null : new Acls(log.checkpoints, writer, acls),
    alterableUsers,
    quotas: new Quotas(clock, options.security?.quotas),
    failpoint: options.failpoint ?? (() => {}),
    nodes,
  };
}

/** 16 random bytes as Kafka writes them. */
async function newClusterId(writer: LogWriter): Promise<string> {
  const id = randomBytes(16).toString('base64url');
  await writer.commit((transaction) => {
    transaction.checkpoint(CLUSTER_ID_CHECKPOINT, id);
    return true;
  });
  return id;
}
