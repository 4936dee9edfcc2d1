/** How far the source has written to the log and the sink has read it, and which rows of a table changed between two offsets. */
import type { Envelope } from '../../contracts/envelope.ts';
import { TailraceError } from '../../contracts/errors.ts';
import type { Log } from '../../contracts/log.ts';
import type { Clock } from '../../contracts/plugin.ts';
import type { SourceView } from '../../contracts/verification.ts';
import { groupCheckpoint, sourceCheckpoint } from '../checkpoint-names.ts';
import { SchemaFeed } from '../schema-feed.ts';
import type { SourceCheckpoint } from '../source-output.ts';
import { identityOf } from './row-identity.ts';

const POLL_MS = 20;
/** A source that is idle is asked again after so many. */
const HASTEN_POLLS = 10;
/** Without any progress of what is waited for. */
const PATIENCE_MS = 120_000;
const READ_BYTES = 1 << 20;

/** Rows by the identity of their keys; `all`: every row may have changed. */
export type ChangedRows = ReadonlySet<string> | 'all';

export class LogPositions {
  readonly #log: Log;
  readonly #envelope: Envelope;
  readonly #clock: Clock;
  readonly #hasten: (source: string) => void;

  /** @param hasten has the position of a source saved soon */
  constructor(log: Log, envelope: Envelope, clock: Clock, hasten: (source: string) => void) {
    this.#log = log;
    this.#hasten = hasten;
    this.#envelope = envelope;
    this.#clock = clock;
  }

  /** One past the last durable record. */
  end(topic: string): bigint {
    return this.#log.topics.get(topic)?.partitions[0]?.endOffset ?? 0n;
  }

  /** Until all that the reading saw is in the log. Throws `verify.waits`. */
  async covers(view: SourceView, source: string, signal: AbortSignal): Promise<void> {
    const name = sourceCheckpoint(source);
    let known: string | undefined;
    let isCovered = false;
    let polls = 0;
    const look = () => {
      if (polls++ % HASTEN_POLLS === 1) this.#hasten(source);
      const saved = this.#log.checkpoints.get(name);
      if (saved !== known && saved !== undefined) {
        isCovered = view.isCovered((JSON.parse(saved) as SourceCheckpoint).position);
      }
      known = saved;
      return isCovered ? null : saved;
    };
    await this.#until(look, `the source ${source}`, signal);
  }

  /** Until what the sink has flushed reaches the offset. Throws `verify.waits`. */
  async delivered(group: string, topic: string, offset: bigint, signal: AbortSignal): Promise<void> {
    const look = () => {
      const saved = this.#log.checkpoints.get(groupCheckpoint(group, topic, 0));
      return offset === 0n || (saved !== undefined && BigInt(saved) >= offset) ? null : saved;
    };
    await this.#until(look, `the sink ${group}`, signal);
  }

  /** Rows with a record in [from, to) that the reading has not seen, by the keys that the log has. */
  async changedBetween(
    place: { readonly topic: string; readonly source: string },
    from: bigint,
    to: bigint,
    view: SourceView,
  ): Promise<ChangedRows> {
    const schemas = new SchemaFeed(this.#log, this.#envelope, [place.source]);
    const changed = new Set<string>();
    for (let next = from; next < to; ) {
      const batches = await this.#log.read(place.topic, 0, next, READ_BYTES);
      if (batches.length === 0) break;
      await schemas.catchUp();
      for (const batch of batches) {
        for (const record of batch.records()) {
          if (record.offset < next || record.offset >= to) continue;
          const change = this.#envelope.decode(record, schemas.store);
          if (change === null) continue;
          if (change.before === null && change.after === null) return 'all';
          if (!view.sees(change.transaction)) changed.add(identityOf(change.key));
        }
      }
      next = batches.at(-1)!.nextOffset;
    }
    return changed;
  }

  /** @param look null: it has come; else what must change while it is waited for */
  async #until(look: () => string | undefined | null, who: string, signal: AbortSignal): Promise<void> {
    let since = this.#clock.monotonic();
    for (let last: string | undefined | null; ; await this.#clock.sleep(POLL_MS, signal)) {
      const now = look();
      if (now === null) return;
      if (now !== last) since = this.#clock.monotonic();
      last = now;
      if (this.#clock.monotonic() - since < PATIENCE_MS) continue;
      throw new TailraceError('verify.waits', `${who} has not moved for ${PATIENCE_MS / 1_000} s`, {
        remedy: '`tailrace status` says what it is doing; verify again when it goes on',
      });
    }
  }
}
