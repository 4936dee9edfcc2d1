/** What the listener is started with. */

import type { Log } from '../contracts/log.ts';
import type { LogAdmin } from '../contracts/log-admin.ts';
import type { Clock, Logger } from '../contracts/plugin.ts';
import type { GroupLimits } from './groups/coordinator.ts';
import type { QuotaOptions } from './quotas.ts';
import type { AclOptions } from './security/acls.ts';
import type { KafkaUser } from './security/users.ts';

export interface Endpoint {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Bounds on what clients can make the listener hold or do. */
export interface Limits {
  readonly maxConnections: number;
  /** Requests and responses in memory, of all connections together, in bytes. */
  readonly memoryBytes: number;
  /** Largest Produce request, in bytes. */
  readonly maxProduceBytes: number;
  /** Largest other request of an authenticated client, in bytes. */
  readonly maxRequestBytes: number;
  /** Records of open transactions in memory, about, in bytes; what a large one has beyond 16 MiB is on disk. */
  readonly transactionBytes: number;
  /** Largest record batch, in bytes: `max.message.bytes` of topics. */
  readonly maxBatchBytes: number;
  /** Largest Fetch response, about, in bytes. */
  readonly maxFetchBytes: number;
  /** A client must be authenticated, a request complete and a response taken within this time, ms. */
  readonly stallMs: number;
  /** A connection without requests is closed after this time, ms. */
  readonly idleMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxConnections: 2_000,
  memoryBytes: 64 << 20,
  maxProduceBytes: 32 << 20,
  maxRequestBytes: 8 << 20,
  transactionBytes: 64 << 20,
  maxBatchBytes: 1_048_588,
  maxFetchBytes: 8 << 20,
  stallMs: 60_000,
  idleMs: 600_000,
};

export interface TopicRules {
  /** Create a topic that a client asks metadata for. */
  readonly autoCreate: boolean;
  /** Partitions where the client leaves it open. */
  readonly defaultPartitions: number;
  /** Whether outside clients may write to, create or delete the topic. Not for the table and service topics of Tailrace. */
  readonly mayProduce: (topic: string) => boolean;
}

export interface SecurityOptions {
  /** PEM. Without it the connection is not encrypted. */
  readonly tls?: { readonly key: string | Buffer; readonly cert: string | Buffer };
  /** Clients must prove to be one of these. Needed for any address that is not loopback. */
  readonly users?: readonly KafkaUser[];
  /** Without it, who is let in may do everything that outside clients may. */
  readonly acls?: AclOptions;
  /** Without them nobody is slowed down. */
  readonly quotas?: QuotaOptions;
}

/** What the broker behind the addresses is started with. */
export interface BrokerOptions {
  readonly log: Log;
  /** What the log can do beyond `Log`; decides which APIs are offered. */
  readonly admin?: LogAdmin;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly topics: TopicRules;
  readonly security?: SecurityOptions;
  readonly limits?: Partial<Limits>;
  readonly groups?: Partial<GroupLimits>;
  /** Tests and the demo kill the process at a named point. */
  readonly failpoint?: (name: string) => void;
}

export interface KafkaListenerOptions extends BrokerOptions {
  readonly listen: Endpoint;
  /** What clients are told to connect to, where that differs from `listen`. */
  readonly advertise?: Endpoint;
}
