/**
 * The log shown as a cluster of several brokers, so that test suites of other projects, which expect one, run unmodified.
 * A switch for those suites only: it claims replicas that do not exist. One process, one log, several addresses; each
 * broker leads a part of the partitions, and serves the others all the same. `tailrace.yaml` has no key for it.
 */
import { openBroker } from './broker.ts';
import { Nodes } from './nodes.ts';
import type { BrokerOptions } from './options.ts';
import type { AclOptions } from './security/acls.ts';
import { MECHANISMS } from './security/session.ts';
import { type KafkaUser, Users } from './security/users.ts';
import { type Entrance, type Served, serve } from './serve.ts';

/** Only this machine can reach what claims replicas that do not exist. */
const HOST = '127.0.0.1';

/** Members that a test starts at the same time come into one rebalance, and no test waits long for it. */
const GROUPS = { initialDelayMs: 200 };

export interface FacadeEntrance {
  readonly tls: { readonly key: string | Buffer; readonly cert: string | Buffer } | null;
  /** Empty: everybody is let in. Otherwise the users of all entrances are, whom clients may give other SCRAM credentials. */
  readonly users: readonly KafkaUser[];
  /** `lifetimeMs` of `Authentication`. */
  readonly sessionLifetimeMs?: number | undefined;
  /** One for each node. */
  readonly ports: readonly number[];
  /** Name that clients are told. */
  readonly advertiseHost: string;
}

export interface FacadeOptions {
  /** Ids of the brokers shown. */
  readonly nodes: readonly number[];
  /** Replicas that each partition is said to have. */
  readonly replicationFactor: number;
  readonly defaultPartitions: number;
  /** Null: nobody is restricted. */
  readonly acls: AclOptions | null;
  readonly entrances: readonly FacadeEntrance[];
}

/** Throws `kafka.port_in_use`. */
export async function startKafkaFacade(
  options: Omit<BrokerOptions, 'security'>,
  { nodes: ids, replicationFactor, defaultPartitions, acls, entrances }: FacadeOptions,
): Promise<Served> {
  const users = new Users(entrances.flatMap((entrance) => entrance.users));
  const shown = entrances.map(
    ({ tls, users: required, sessionLifetimeMs: lifetimeMs, ports, advertiseHost }): Entrance => {
      return {
        tls: tls ?? undefined,
        authentication: required.length === 0 ? null : { users, mechanisms: MECHANISMS, lifetimeMs },
        nodes: new Nodes(ids, replicationFactor),
        doors: ports.map((port, index) => {
          const nodeId = ids[index]!;
          return { nodeId, listen: { host: HOST, port }, advertise: port === 0 ? null : { host: advertiseHost, port } };
        }),
      };
    },
  );
  const topics = { ...options.topics, defaultPartitions };
  const security = acls === null ? {} : { acls };
  const broker = await openBroker({ ...options, topics, security, groups: GROUPS }, shown[0]!.nodes, users);
  return serve(options, broker, shown);
}
