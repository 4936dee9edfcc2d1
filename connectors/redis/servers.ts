/** The servers of a sink: one, the primary that sentinels name, or the nodes of a cluster that have the slots of its groups. */
import { type ConnectorContext, TailraceError } from '../../src/sdk/index.ts';
import { type Address, addressOf, atNode, placeOf } from './address.ts';
import { groupsOf, type RedisConfig } from './config.ts';
import { RedisConnection } from './connection.ts';
import { SLOTS, slotOfTag } from './slot.ts';

const never = new AbortController().signal;

export interface Servers {
  /** The connection of each group, in their order; groups on one server share it. */
  readonly ofGroup: readonly RedisConnection[];
  /** Each once. */
  readonly all: readonly RedisConnection[];
  close(): void;
}

export type ServerConfig = Pick<RedisConfig, 'url' | 'cluster' | 'sentinel'>;

/** Hash tag of a group; empty outside of a cluster. */
export function tagOf({ cluster }: ServerConfig, group: number): string {
  return cluster === undefined ? '' : `{${group}}`;
}

/** Throws typed errors. */
export async function openServers(config: RedisConfig, name: string, context: ConnectorContext): Promise<Servers> {
  if (config.cluster !== undefined) return openCluster(config, name, context);
  const address = config.sentinel === undefined ? addressOf(config) : await primaryOf(config, name, context);
  const connection = await RedisConnection.open(address, name, context);
  return { ofGroup: [connection], all: [connection], close: () => connection.close() };
}

async function openCluster(config: RedisConfig, name: string, context: ConnectorContext): Promise<Servers> {
  const seed = addressOf(config);
  const seeds = [seed, ...(config.cluster?.nodes ?? []).map((node) => atNode(seed, node))];
  const owners = await firstAnswer(seeds, name, context, (connection, address) => ownersOfSlots(connection, address));
  const open = new Map<string, RedisConnection>();
  const close = () => {
    for (const connection of open.values()) connection.close();
  };
  try {
    const ofGroup: RedisConnection[] = [];
    for (let group = 0; group < groupsOf(config); group++) {
      const address = owners[slotOfTag(tagOf(config, group))];
      if (address === undefined) throw notServed(placeOf(seed));
      const place = placeOf(address);
      if (!open.has(place)) open.set(place, await RedisConnection.open(address, name, context));
      ofGroup.push(open.get(place)!);
    }
    return { ofGroup, all: [...open.values()], close };
  } catch (error) {
    close();
    throw error;
  }
}

type SlotRange = readonly [from: number, to: number, primary: readonly [host: string | null, port: number]];

/** By slot: the address of its primary. */
async function ownersOfSlots(connection: RedisConnection, seed: Address): Promise<readonly (Address | undefined)[]> {
  const owners = new Array<Address | undefined>(SLOTS);
  for (const [from, to, [host, port]] of (await connection.call(never, 'CLUSTER', 'SLOTS')) as SlotRange[]) {
    // A node that does not know its own address means: the one that was asked.
    const known = host === null || host === '' || host === '?' ? seed.host : host;
    owners.fill({ ...seed, host: known, port }, from, to + 1);
  }
  return owners;
}

/** What the sentinels say. https://redis.io/docs/latest/develop/reference/sentinel-clients/ */
async function primaryOf(config: RedisConfig, name: string, context: ConnectorContext): Promise<Address> {
  const { nodes, user = '', password = '' } = config.sentinel!;
  const target = addressOf(config);
  const sentinels = nodes.map((node) => atNode({ ...target, username: user, password, db: 0 }, node));
  return firstAnswer(sentinels, name, context, async (connection) => {
    const found = await connection.call(never, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', target.host);
    if (found !== null) {
      const [host, port] = found as readonly [string, string];
      return { ...target, host, port: Number(port) };
    }
    throw new TailraceError('sink.not_ready', `the sentinel at ${connection.place} knows no primary "${target.host}"`, {
      remedy: 'put the name that the sentinels monitor as the host into `url`',
    });
  });
}

/** Asks one server after the other. Throws what the last one threw. */
async function firstAnswer<T>(
  addresses: readonly Address[],
  name: string,
  context: ConnectorContext,
  ask: (connection: RedisConnection, address: Address) => Promise<T>,
): Promise<T> {
  let failure: unknown;
  for (const address of addresses) {
    let connection: RedisConnection | undefined;
    try {
      connection = await RedisConnection.open(address, name, context);
      return await ask(connection, address);
    } catch (error) {
      failure = error;
    } finally {
      connection?.close();
    }
  }
  throw failure;
}

function notServed(place: string): TailraceError {
  return new TailraceError('sink.unreachable', `no node of the cluster at ${place} has all hash slots`, {
    remedy: 'see CLUSTER INFO: a primary without a replica may be down',
  });
}
