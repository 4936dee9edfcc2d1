/** Opens the addresses of a broker to clients and closes them again. */
import type { Server } from 'node:net';
import type { Clock } from '../contracts/plugin.ts';
import { offeredApis } from './apis.ts';
import type { Broker } from './broker.ts';
import type { Counters } from './connection.ts';
import { Connections } from './connections.ts';
import type { Nodes } from './nodes.ts';
import type { BrokerOptions, Endpoint, SecurityOptions } from './options.ts';
import type { Authentication } from './security/session.ts';
import { listening, newServer } from './server.ts';

/** How often connections are looked at for stalling, ms. */
const CHECK_MS = 5_000;
/** How often producers that are silent are looked for, ms. */
const EXPIRY_CHECK_MS = 600_000;
/** Time for running requests to end when the listener closes, ms. */
const CLOSE_MS = 2_000;

/** Addresses that share what their clients must prove and where they are told to connect to. */
export interface Entrance {
  readonly tls: SecurityOptions['tls'];
  /** Null: everybody is let in. */
  readonly authentication: Authentication | null;
  readonly nodes: Nodes;
  readonly doors: readonly Door[];
}

export interface Door {
  readonly nodeId: number;
  readonly listen: Endpoint;
  /** Null: where it listens. */
  readonly advertise: Endpoint | null;
}

export interface Served {
  /** Where each door listens, in the order of entrances and doors. */
  readonly endpoints: readonly Endpoint[];
  /** Since the start. */
  readonly counters: Readonly<Counters>;
  /** Takes no more connections, lets running requests end for two seconds, closes. Idempotent. Does not close the log. */
  close(): Promise<void>;
}

/** Throws `kafka.port_in_use`; then nothing stays open. */
export async function serve(
  { admin = {}, clock }: Pick<BrokerOptions, 'admin' | 'clock'>,
  broker: Broker,
  entrances: readonly Entrance[],
): Promise<Served> {
  const counters: Counters = { connections: 0, connectionsRefused: 0, requests: 0, malformed: 0, stalled: 0 };
  const open = new Open();
  // A client may be there before the last address is taken.
  for (const { nodes, doors } of entrances) for (const door of doors) tell(nodes, door, door.listen);
  try {
    for (const { nodes, authentication, tls, doors } of entrances) {
      const view = { ...broker, nodes };
      const connections = new Connections({ ...view, apis: offeredApis(view, admin), authentication, counters });
      open.connections.push(connections);
      for (const door of doors) {
        const server = newServer(tls, (socket) => connections.add(socket));
        const endpoint = await listening(server, door.listen);
        open.servers.push(server);
        open.endpoints.push(endpoint);
        tell(nodes, door, endpoint);
      }
    }
  } catch (error) {
    await open.close(broker);
    throw error;
  }
  const stopped = new AbortController();
  const chores = runChores(broker, clock, open.connections, stopped.signal);
  const close = async () => {
    stopped.abort();
    await open.close(broker);
    await chores;
  };
  let closed: Promise<void> | null = null;
  return { endpoints: open.endpoints, counters, close: () => (closed ??= close()) };
}

function tell(nodes: Nodes, { nodeId, advertise }: Door, listens: Endpoint): void {
  nodes.setEndpoint(nodeId, advertise ?? listens);
}

class Open {
  readonly servers: Server[] = [];
  readonly connections: Connections[] = [];
  readonly endpoints: Endpoint[] = [];

  async close({ groups, transactions }: Broker): Promise<void> {
    const closed = this.servers.map((server) => new Promise((resolve) => server.close(resolve)));
    await Promise.all(this.connections.map((connections) => connections.close(CLOSE_MS)));
    groups.close();
    await transactions.close();
    await Promise.all(closed);
  }
}

async function runChores(
  { producers, transactions, writer }: Broker,
  clock: Clock,
  connections: readonly Connections[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all([
    every(CHECK_MS, clock, signal, () => {
      for (const each of connections) each.checkProgress();
    }),
    // A log that has failed says so elsewhere.
    every(EXPIRY_CHECK_MS, clock, signal, () => {
      producers.expire(clock.now(), writer).catch(() => {});
      transactions.expire(clock.now()).catch(() => {});
    }),
  ]);
}

/** Runs until the signal aborts. */
async function every(ms: number, clock: Clock, signal: AbortSignal, run: () => void): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(ms, signal);
    } catch {
      return;
    }
    run();
  }
}
