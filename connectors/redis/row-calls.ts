/** Calls of a script that applies rows: many rows a call, several calls on their way, answers brought back to their rows. */
import type { TailraceError } from '../../src/sdk/index.ts';
import { InFlight } from '../../src/sdk/target/in-flight.ts';
import { DELETED_HOLD_MS } from '../../src/sdk/target/positions.ts';
import { CommandBuffer, scriptCall } from './command-buffer.ts';
import type { RedisConnection } from './connection.ts';
import { rejection } from './errors.ts';
import type { TargetOffsets } from './offsets.ts';
import type { Script } from './scripts.ts';
import type { TargetTable } from './tables.ts';

/** The server does nothing else meanwhile: about a millisecond. */
const CALL_ROWS = 250;
const CALL_BYTES = 1 << 19;
/** The next call is encoded while the server runs the last ones. */
const CALLS_IN_FLIGHT = 4;

export interface Session {
  readonly connection: RedisConnection;
  readonly offsets: TargetOffsets;
  readonly signal: AbortSignal;
}

export interface RowReplies<R> {
  readonly stale: number;
  readonly incomplete: number;
  /** Rows of which the target holds another state than was expected. */
  readonly changed: readonly R[];
  readonly refused: ReadonlyMap<R, TailraceError>;
}

type Reply = [stale: number, incomplete: number, changed: number[], refused: (number | string)[]];

export class RowCalls<R> {
  readonly #session: Session;
  readonly #script: Script;
  readonly #table: TargetTable;
  readonly #keys = new CommandBuffer();
  readonly #args = new CommandBuffer();
  readonly #calls = new InFlight<readonly [readonly R[], Reply]>(CALLS_IN_FLIGHT);
  #rows: R[] = [];

  constructor(session: Session, script: Script, table: TargetTable) {
    this.#session = session;
    this.#script = script;
    this.#table = table;
  }

  /** Adds an operation; `write` puts its arguments behind those of the others. Operations run in the order of the calls. */
  async add(row: R, key: string, write: (args: CommandBuffer) => void): Promise<void> {
    if (this.#rows.length === 0) this.#begin();
    this.#rows.push(row);
    this.#keys.text(key);
    write(this.#args);
    if (this.#rows.length >= CALL_ROWS || this.#args.byteLength >= CALL_BYTES) await this.#send();
  }

  async finish(): Promise<RowReplies<R>> {
    if (this.#rows.length > 0) await this.#send();
    const replies = { stale: 0, incomplete: 0, changed: [] as R[], refused: new Map<R, TailraceError>() };
    for (const [rows, [stale, incomplete, changed, refused]] of await this.#calls.drain()) {
      replies.stale += stale;
      replies.incomplete += incomplete;
      replies.changed.push(...changed.map((place) => rows[place]!));
      for (let i = 0; i < refused.length; i += 2) {
        replies.refused.set(rows[Number(refused[i])]!, rejection(String(refused[i + 1])));
      }
    }
    return replies;
  }

  #begin(): void {
    const { offsets } = this.#session;
    this.#keys.clear();
    this.#args.clear();
    for (const key of [offsets.key, this.#table.stateKey]) this.#keys.text(key);
    for (const word of [offsets.writer, this.#table.id, String(DELETED_HOLD_MS / 1_000)]) this.#args.text(word);
  }

  async #send(): Promise<void> {
    const { connection, signal } = this.#session;
    const rows = this.#rows;
    this.#rows = [];
    const reply = connection.send(scriptCall(this.#script.sha, this.#keys, this.#args), signal);
    await this.#calls.add(reply.then((value) => [rows, value as Reply] as const));
  }
}
