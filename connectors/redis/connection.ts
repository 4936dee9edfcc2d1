/** One connection to one server. It is never repaired: after any failure the runtime opens another session. */
import { isIP } from 'node:net';
import { Command, Redis } from 'ioredis';
import type { ConnectorContext } from '../../src/sdk/index.ts';
import { type Address, placeOf } from './address.ts';
import { asSinkError } from './errors.ts';
import type { Script } from './scripts.ts';

const CONNECT_MS = 5_000;
/** A command that takes longer has met a dead network: no script of ours runs for seconds. */
const COMMAND_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;

export class RedisConnection {
  readonly #client: Redis;
  readonly place: string;

  private constructor(client: Redis, place: string) {
    this.#client = client;
    this.place = place;
  }

  /** Throws typed errors. */
  static async open(address: Address, name: string, { log }: ConnectorContext): Promise<RedisConnection> {
    const client = new Redis(optionsOf(address, name));
    // ioredis reports a failed login here only, and the connection as closed to who waits for it.
    let reported: unknown;
    client.on('error', (error) => {
      reported ??= error;
      log('debug', 'connection to the target lost', { sink: name });
    });
    const connection = new RedisConnection(client, placeOf(address));
    try {
      await client.connect();
      await client.ping();
      return connection;
    } catch (error) {
      client.disconnect();
      throw asSinkError(isReply(error) ? error : (reported ?? error), connection.place);
    }
  }

  /** A small command. Replies are text. */
  async call(signal: AbortSignal, name: string, ...words: readonly string[]): Promise<unknown> {
    return this.#waitFor(this.#client.call(name, ...words), signal);
  }

  load(script: Script): Promise<unknown> {
    return this.#waitFor(this.#client.call('SCRIPT', 'LOAD', script.text));
  }

  /** Calls a loaded script. */
  run(signal: AbortSignal, { sha }: Script, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return this.#waitFor(this.#client.call('EVALSHA', sha, String(keys.length), ...keys, ...args), signal);
  }

  /** Sends a command that is already in wire format. Commands are answered in the order of the calls. */
  send(bytes: Buffer, signal: AbortSignal): Promise<unknown> {
    return this.#waitFor(this.#client.sendCommand(new EncodedCommand(bytes)) as Promise<unknown>, signal);
  }

  close(): void {
    this.#client.disconnect();
  }

  async #waitFor(reply: Promise<unknown>, signal?: AbortSignal): Promise<unknown> {
    try {
      return await (signal === undefined ? reply : untilAborted(reply, signal));
    } catch (error) {
      if (signal?.aborted === true) throw signal.reason;
      throw asSinkError(error, this.place);
    }
  }
}

class EncodedCommand extends Command {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super('evalsha', [], { replyEncoding: 'utf8' });
    this.#bytes = bytes;
  }

  override toWritable(): Buffer {
    return this.#bytes;
  }
}

function optionsOf({ host, port, db, username, password, tls }: Address, name: string) {
  return {
    host,
    port,
    db,
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    ...(tls && { tls: isIP(host) === 0 ? { servername: host } : {} }),
    protocol: 2,
    lazyConnect: true,
    connectionName: `tailrace-${name.replace(/[^\w.-]/g, '_')}`,
    connectTimeout: CONNECT_MS,
    commandTimeout: COMMAND_MS,
    keepAlive: KEEP_ALIVE_MS,
    // What was not answered may have been applied: only a new session, which reads the positions first, may repeat it.
    retryStrategy: null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
  } as const;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      promise.catch(() => {});
      return reject(signal.reason);
    }
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}
