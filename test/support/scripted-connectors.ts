/**
 * A scripted source and sink for runtime tests: the source forgets what was acknowledged, as a replication slot does; the
 * sink loses what was not flushed, as a server does that dies. Real connectors have their own tests.
 */

import { z } from 'zod';
import { TailraceError } from '../../src/contracts/errors.ts';
import type { SinkManifest, SourceManifest } from '../../src/contracts/plugin.ts';
import { NOT_SENT } from '../../src/contracts/row.ts';
import type { TableDescription } from '../../src/contracts/schema.ts';
import type { SinkBatch, SinkPositions, SinkRecord } from '../../src/contracts/sink.ts';
import type { SourceOutput } from '../../src/contracts/source.ts';

export interface ScriptedTransaction {
  /** Commit time, µs since 1970; absent: rises with each. */
  readonly timeUs?: number;
  /** `v` null: the source does not send it. */
  readonly rows: readonly { readonly op: 'c' | 'u' | 'd'; readonly id: number; readonly v: string | null }[];
  /** Before the rows and after them. */
  readonly snapshot?: 'begin' | 'end';
}

const COLUMNS = [
  { name: 'id', kind: 'int32', native: 'integer', nullable: false, keyOrdinal: 1 },
  { name: 'v', kind: 'text', native: 'text', nullable: true },
] as const;

/** The upstream: survives crashes of the process under test. */
export class Upstream {
  readonly history: ScriptedTransaction[] = [];
  /** Transactions below this index are forgotten. */
  acknowledged = 0;
  /** Highest index that any reader was asked to resume from without having it any more. */
  lost = 0;
  #wake: (() => void)[] = [];

  add(...transactions: ScriptedTransaction[]): void {
    this.history.push(...transactions);
    for (const wake of this.#wake.splice(0)) wake();
  }

  more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

function describe(source: string): TableDescription {
  return { source, schema: 'public', table: 't', columns: COLUMNS };
}

function writeTransaction(output: SourceOutput, index: number, transaction: ScriptedTransaction, name: string): void {
  const table = output.register(describe(name));
  const writer = output.writer(table);
  output.begin({
    id: String(index),
    kind: 'stream',
    timeUs: transaction.timeUs ?? 1_700_000_000_000_000 + index,
    position: String(index),
  });
  const { snapshot } = transaction;
  if (snapshot === 'begin') output.marker({ op: 'snapshot-begin', table, snapshot: 's' });
  for (const { op, id, v } of transaction.rows) {
    writer.begin(op);
    writer.side(op === 'd' ? 'before' : 'after');
    const key = Buffer.from(String(id));
    writer.text(0, key, 0, key.length);
    const value = Buffer.from(v ?? '');
    if (op === 'd' || v === null) writer.unchanged(1);
    else writer.text(1, value, 0, value.length);
    writer.end();
  }
  if (snapshot === 'end') output.marker({ op: 'snapshot-end', table, snapshot: 's' });
  output.end({ v: 1, index: index + 1 });
}

export function scriptedSource(upstream: Upstream): SourceManifest {
  return {
    type: 'scripted',
    summary: 'replays a script',
    config: z.unknown(),
    emits: ['insert', 'update', 'delete'],
    check: async () => [],
    describe: async ({ name }) => [describe(name)],
    teardown: async () => {},
    open: async ({ name }) => ({
      async run(from, output, signal) {
        let next = from === null ? 0 : (from.index as number);
        if (next < upstream.acknowledged) {
          upstream.lost = upstream.acknowledged;
          throw new TailraceError('source.gap', 'asked for what was acknowledged');
        }
        while (!signal.aborted) {
          const transaction = upstream.history[next];
          if (transaction === undefined) await upstream.more(signal);
          else writeTransaction(output, next++, transaction, name);
          await output.drain();
        }
      },
      acknowledge(position) {
        upstream.acknowledged = Math.max(upstream.acknowledged, position.index as number);
      },
      close: async () => {},
    }),
  };
}

/** The target: survives crashes; holds only what was flushed. */
export class Target {
  /** Flushed records in order of arrival, repeats included. */
  readonly applied: SinkRecord[] = [];
  /** Called at each step; may throw to inject a fault. */
  fault: (step: 'write' | 'flush') => void = () => {};
  /** What it says of stored positions when it is opened. */
  resume: SinkPositions | null = null;
  /** It keeps positions with the rows, and obeys those of its generation. */
  keepsPositions = false;
  kept: { readonly positions: SinkPositions; readonly generation: number } | null = null;
  /** Ids that this target refuses. */
  readonly poison = new Set<number>();

  /** Last value per id, applying repeats by version as a guarded sink does (Invariant 7); `?` where none was ever sent. */
  rows(): Map<number, string> {
    const rows = new Map<number, { version: bigint; v: string | null }>();
    for (const { change } of this.applied) {
      const id = Number(JSON.parse(change.key).id);
      const seen = rows.get(id);
      if (seen !== undefined && seen.version > change.version) continue;
      const sent = change.after?.get(1);
      const v = change.after === null ? null : sent === NOT_SENT ? (seen?.v ?? '?') : String(sent);
      rows.set(id, { version: change.version, v });
    }
    return new Map([...rows].flatMap(([id, { v }]) => (v === null ? [] : [[id, v] as const])));
  }
}

export function scriptedSink(target: Target): SinkManifest {
  return {
    type: 'scripted',
    summary: 'keeps what was flushed',
    config: z.unknown(),
    accepts: ['insert', 'update', 'delete', 'snapshot'],
    keeps: 'last-value',
    check: async () => [],
    open: async ({ generation }) => {
      let pending: SinkRecord[] = [];
      let positions: SinkPositions = [];
      const { kept } = target;
      return {
        resume: target.keepsPositions
          ? kept === null
            ? []
            : kept.generation === generation
              ? kept.positions
              : null
          : target.resume,
        sink: {
          async write(batch: SinkBatch) {
            target.fault('write');
            positions = batch.next;
            const refused = batch.records.filter(({ change }) => target.poison.has(Number(JSON.parse(change.key).id)));
            pending.push(...batch.records.filter((record) => !refused.includes(record)));
            return refused.map((record) => ({ record, error: new TailraceError('sink.rejected', 'refused') }));
          },
          async flush() {
            target.fault('flush');
            target.applied.push(...pending);
            pending = [];
            target.kept = { positions, generation };
          },
          async close() {},
        },
      };
    },
  };
}
