/** A small data directory with something in every kind of file, and what a log over a damaged copy of it may be. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TailraceError } from '../../../src/contracts/errors.ts';
import type { Logger } from '../../../src/contracts/plugin.ts';
import { type EmbeddedLog, openLog } from '../../../src/log/embedded-log.ts';
import { batchOf } from '../../support/log-batches.ts';
import { eagerClock } from '../../support/log-history.ts';
import { SimulatedDisk } from '../../support/simulated-disk.ts';

const LIMITS = {
  flushBytes: 1 << 20,
  segmentBytes: 1_500,
  walFileBytes: 12 << 10,
  stageBytes: 1_200,
  directBytes: 700,
  cleanEveryMs: null,
} as const;
const TOPICS = { a: 1, b: 2 } as const;

interface Expected {
  readonly place: string;
  readonly base: bigint;
  readonly next: bigint;
  readonly bytes: Buffer;
}

export interface DamagedOutcome {
  readonly kind: 'intact' | 'reported' | 'refused' | 'cut';
  /** Batches that cannot be read. */
  readonly unreadable: number;
}

export class SmallLog {
  /** Holds lock and format, which are not behind `files`. */
  readonly dir = mkdtempSync(join(tmpdir(), 'tailrace-damage-'));
  disk = new SimulatedDisk();
  #batches: Expected[] = [];
  #checkpoints: readonly (readonly [string, string])[] = [];
  #openings: string[] = [];

  open(files: SimulatedDisk, log: Logger = () => {}): Promise<EmbeddedLog> {
    return openLog({ dir: this.dir, clock: eagerClock, random: Math.random, log, files, ...LIMITS });
  }

  /** @param vouched the last commits have a later frame that says they were durable */
  async fill(vouched: boolean): Promise<void> {
    const first = await this.open(this.disk);
    for (const [name, partitions] of Object.entries(TOPICS)) {
      await first.topics.ensure(name, { partitions, cleanup: 'delete' });
    }
    for (let n = 0; n < 6; n++) await this.#commit(first, n, n % 3 === 2 ? 900 : 60);
    this.#openings.push(first.lineage.current);
    await first.close();
    const log = await this.open(this.disk);
    this.#openings.push(log.lineage.current);
    await log.fence('writer');
    for (let n = 6; n < 12; n++) await this.#commit(log, n, n === 8 ? 900 : 40, 1);
    await this.#commit(log, 12, 300, 1, 8);
    if (vouched) await this.#vouched();
    const left = this.disk.copy();
    await this.#remember(log);
    await log.close();
    this.disk = left;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Opens a damaged copy and throws when it is anything that it may not be. */
  async outcome(damaged: SimulatedDisk, mayCut: boolean): Promise<DamagedOutcome> {
    const said: string[] = [];
    let log: EmbeddedLog;
    try {
      log = await this.open(damaged, (_level, message) => said.push(message));
    } catch (error) {
      if (error instanceof TailraceError && error.remedy !== undefined) return { kind: 'refused', unreadable: 0 };
      throw error;
    }
    try {
      return await this.#judged(log, said, mayCut);
    } finally {
      await log.close();
    }
  }

  async #judged(log: EmbeddedLog, said: readonly string[], mayCut: boolean): Promise<DamagedOutcome> {
    let unreadable = 0;
    let cut = false;
    for (const batch of this.#batches) {
      const [topic = '', partition = '0'] = batch.place.split('-');
      const end = log.topics.get(topic)?.partitions[Number(partition)]?.endOffset ?? 0n;
      if (end <= batch.base) {
        cut = true;
        continue;
      }
      const code = await readBack(log, topic, Number(partition), batch);
      if (code === 'log.damaged') unreadable++;
      else if (code !== null) throw new Error(`${batch.place} at ${batch.base}: ${code}`);
    }
    if (cut && !mayCut) throw new Error('acknowledged records are missing and nothing says so');
    if (!cut) this.#sameElse(log);
    if (cut) return { kind: 'cut', unreadable };
    return { kind: unreadable > 0 || said.length > 0 ? 'reported' : 'intact', unreadable };
  }

  #sameElse(log: EmbeddedLog): void {
    const checkpoints = log.checkpoints.list('');
    if (JSON.stringify(checkpoints) !== JSON.stringify(this.#checkpoints)) {
      throw new Error(`checkpoints ${JSON.stringify(checkpoints)}`);
    }
    for (const id of this.#openings) {
      if (!log.lineage.covers(id, 'a', 0, 0n)) throw new Error(`the opening ${id} is not known`);
    }
  }

  async #commit(log: EmbeddedLog, n: number, size: number, epoch = 0, batches = 1): Promise<void> {
    const transaction = log.begin('writer', epoch);
    const values = (name: string) =>
      Array.from({ length: 1 + (n % 3) }, (_, i) => `${name}${n}.${i} ${'x'.repeat(size)}`);
    for (let i = 0; i < batches; i++) await transaction.append('a', 0, batchOf(values('a')));
    if (n % 2 === 0) await transaction.append('b', n % 4 === 0 ? 0 : 1, batchOf(values('b')));
    transaction.checkpoint(`c${n % 3}`, String(n));
    await transaction.commit();
  }

  /** An idle log writes a frame that vouches for those before. */
  #vouched(): Promise<void> {
    return new Promise((resolve) => {
      this.disk.onChange = ({ call, path }) => {
        if (call === 'sync' && path.endsWith('.wal')) resolve();
      };
    });
  }

  async #remember(log: EmbeddedLog): Promise<void> {
    for (const { name, partitions } of log.topics.list()) {
      for (const { partition, startOffset, endOffset } of partitions) {
        for (let at = startOffset; at < endOffset; ) {
          const [batch] = await log.read(name, partition, at, 1);
          const { baseOffset: base, nextOffset: next, bytes } = batch!;
          this.#batches.push({ place: `${name}-${partition}`, base, next, bytes: Buffer.from(bytes) });
          at = next;
        }
      }
    }
    this.#checkpoints = log.checkpoints.list('');
  }
}

/** Null when the batch is what it was; else the code of the error, or what is wrong. */
async function readBack(log: EmbeddedLog, topic: string, partition: number, batch: Expected): Promise<string | null> {
  for (const offset of new Set([batch.base, batch.next - 1n])) {
    try {
      const [found] = await log.read(topic, partition, offset, 1);
      if (found === undefined) return 'nothing is there';
      if (found.baseOffset !== batch.base || Buffer.compare(found.bytes, batch.bytes) !== 0) return 'other records';
    } catch (error) {
      const { code, message } = error as TailraceError;
      if (code === 'log.damaged' && !namesRange(message, offset)) return `a message without the range: ${message}`;
      return code ?? message;
    }
  }
  return null;
}

/** The message says `<from> to <to>` around the offset. */
function namesRange(message: string, offset: bigint): boolean {
  const [, from, to] = /(\d+) to (\d+|the end)/.exec(message) ?? [];
  return from !== undefined && offset >= BigInt(from) && (to === 'the end' || offset <= BigInt(to!));
}
