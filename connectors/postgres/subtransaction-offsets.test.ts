import { expect, test } from 'vitest';
import fc from '../../test/support/fast-check.ts';
import { SubtransactionOffsets } from './subtransaction-offsets.ts';

/** One transaction as a server runs it: savepoints nest; ids are given at the first change, parents first. */
class Server {
  readonly #top: number;
  #next: number;
  /** From the outermost; `xid` is null without a change. `children`: released into it. */
  readonly open: { xid: number | null; children: number[] }[] = [{ xid: null, children: [] }];

  constructor(top: number) {
    this.#top = top;
    this.#next = top;
    this.open[0]!.xid = this.#give();
  }

  #give(): number {
    const xid = this.#next;
    this.#next = (this.#next + 1) >>> 0;
    return xid;
  }

  change(): number {
    for (const one of this.open) one.xid ??= this.#give();
    return this.open.at(-1)!.xid!;
  }

  savepoint(): void {
    this.open.push({ xid: null, children: [] });
  }

  release(): void {
    if (this.open.length === 1) return;
    const { xid, children } = this.open.pop()!;
    this.open.at(-1)!.children.push(...children, ...(xid === null ? [] : [xid]));
  }

  /** To the savepoint `depth` from the innermost; the ids that are aborted, children first. */
  rollback(depth: number): number[] {
    if (this.open.length === 1) return [];
    const gone = this.open.splice(Math.max(1, this.open.length - 1 - depth));
    this.savepoint();
    return gone.flatMap(({ xid, children }) => [...children, ...(xid === null ? [] : [xid])]);
  }

  get top(): number {
    return this.#top;
  }
}

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('change' as const), depth: fc.constant(0) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('savepoint' as const), depth: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), depth: fc.constant(0) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('rollback' as const), depth: fc.nat(3) }) },
  ),
  { maxLength: 120 },
);

test('an abort cuts off exactly the changes that it undoes', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(700, 0xfffffffe), fc.boolean(), (program, top, ascending) => {
      const server = new Server(top);
      const offsets = new SubtransactionOffsets(server.top);
      let naive: number[] = [];
      const kept: number[] = [];
      for (const { do: what, depth } of program) {
        if (what === 'change') {
          const xid = server.change();
          if (xid !== server.top) offsets.changed(xid, kept.length);
          kept.push(xid);
          naive.push(xid);
        } else if (what === 'rollback') {
          const gone = server.rollback(depth);
          naive = naive.filter((xid) => !gone.includes(xid));
          const order = ascending ? [...gone].sort((a, b) => ((a - top) >>> 0) - ((b - top) >>> 0)) : gone;
          for (const xid of order) {
            const offset = offsets.abort(xid);
            if (offset !== null) kept.splice(offset);
          }
        } else server[what]();
        expect(kept).toEqual(naive);
      }
    }),
    { numRuns: Number(process.env.TAILRACE_TEST_RUNS ?? 300) },
  );
});
