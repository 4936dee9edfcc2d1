/** Calls of a script that applies rows: many rows a call, several calls on their way, answers brought back to their rows. */
import type { TailraceError } from '../../src/sdk/index.ts';
import { InFlight } from '../../src/sdk/target/in-flight.ts';
import { DELETED_HOLD_MS } from '../../src/sdk/target/positions.ts';
import { CommandBuffer, scriptCall } from './command-buffer.ts';
import { rejection } from './errors.ts';
import type { Group } from './groups.ts';
import { versionText } from './names.ts';
import type { Script } from './scripts.ts';
import type { TargetTable } from './tables.ts';

/** The server does nothing else meanwhile: about a millisecond. */
const CALL_ROWS = 250;
const CALL_BYTES = 1 << 19;
/** The next calls are encoded while the server runs the last ones. */
const CALLS_IN_FLIGHT = 8;

export interface Session {
  readonly groups: readonly Group[];
  /** Seconds; 0 for ever. */
  readonly ttl: number;
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

/** A call that is being put together. */
interface Open<R> {
  readonly keys: CommandBuffer;
  readonly args: CommandBuffer;
  rows: R[];
  /** Highest version of the call. */
  top: bigint;
}

/** Operations of one group run in the order in which they were added. */
export class RowCalls<R> {
  readonly #session: Session;
  readonly #script: Script;
  readonly #table: TargetTable;
  readonly #shared: readonly string[];
  readonly #calls = new InFlight<readonly [readonly R[], Reply]>(CALLS_IN_FLIGHT);
  readonly #open: readonly Open<R>[];

  /** @param shared words that all rows share */
  constructor(session: Session, script: Script, table: TargetTable, shared: readonly string[] = []) {
    this.#session = session;
    this.#script = script;
    this.#table = table;
    this.#shared = shared;
    this.#open = session.groups.map(() => {
      return { keys: new CommandBuffer(), args: new CommandBuffer(), rows: [], top: 0n };
    });
  }

  /** Buffers that take the key and the arguments of the next operation, which `added` then adds. */
  next(group: number): { readonly keys: CommandBuffer; readonly args: CommandBuffer } {
    return this.#open[group]!;
  }

  /** Null, or what is to be awaited before the next operation. */
  added(group: number, row: R, version: bigint): Promise<void> | null {
    const open = this.#open[group]!;
    open.rows.push(row);
    if (version > open.top) open.top = version;
    return open.rows.length >= CALL_ROWS || open.args.byteLength >= CALL_BYTES ? this.#send(group) : null;
  }

  async finish(): Promise<RowReplies<R>> {
    for (let group = 0; group < this.#open.length; group++) await this.#send(group);
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

  async #send(group: number): Promise<void> {
    const { groups, ttl, signal } = this.#session;
    const { connection, offsets } = groups[group]!;
    const open = this.#open[group]!;
    const { rows, keys, args } = open;
    if (rows.length === 0) return;
    const hold = String(DELETED_HOLD_MS / 1_000);
    const first = [
      offsets.writer,
      this.#table.id,
      hold,
      String(ttl),
      versionText(open.top),
      String(this.#shared.length),
    ];
    const state = [offsets.key, groups[group]!.stateKey(this.#table)];
    const call = scriptCall(this.#script.sha, state, keys, [...first, ...this.#shared], args);
    open.rows = [];
    open.top = 0n;
    keys.clear();
    args.clear();
    const reply = connection.send(call, signal);
    await this.#calls.add(reply.then((value) => [rows, value as Reply] as const));
  }
}
