/** How a source stops, waits and fails. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { classOf, TailraceError } from '../../contracts/errors.ts';
import { leftOpen } from '../open-handles.ts';
import { insert, type SourceCase, update } from './bench.ts';
import { sourceCase } from './reading-cases.ts';

const STOP_MS = 5_000;
/** Rows of a transaction that is longer than what may be buffered. */
const MANY = 4_000;

async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work;
  const took = Math.round(performance.now() - start);
  assert.ok(took <= ms, `${what} took ${took} ms of at most ${ms}`);
  return result;
}

async function thrownBy(work: Promise<unknown>, what: string): Promise<TailraceError> {
  const error: unknown = await work.then(
    () => assert.fail(`${what}: nothing was thrown`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(error instanceof TailraceError, `${what}: no TailraceError was thrown: ${inspect(error)}`);
  return error;
}

export const failureCases: readonly SourceCase[] = [
  sourceCase('life/stop', 'it stops in time when it is told to, idle and at work', async (bench) => {
    const idle = await bench.read();
    await idle.begun();
    await within(STOP_MS, 'an idle source', idle.stop());
    await bench.origin.change(Array.from({ length: 500 }, (_, i) => insert(String(i))));
    const busy = await bench.read(idle.output.lastPosition);
    await within(STOP_MS, 'a source at work', busy.stop());
  }),
  sourceCase('life/stop-while-full', 'it stops in time while the output is full', async (bench) => {
    const reading = await bench.read();
    await reading.begun();
    let wasFull = false;
    reading.output.onDrain = () => {
      wasFull = true;
      return new Promise<void>(() => {});
    };
    await bench.origin.change([insert('1'), insert('2')]);
    await reading.whenTrue(() => wasFull, 'drain was never called');
    await within(STOP_MS, 'a source that waits', reading.stop());
  }),
  sourceCase('life/close', 'close, twice and without a run, releases what was opened', async (bench, _signal) => {
    const reading = await bench.read();
    await reading.begun();
    await reading.stop();
    await reading.reader.close();
    const left = await leftOpen(async () => {
      const again = await bench.read(reading.output.lastPosition);
      await again.stop();
      const unused = await bench.open();
      await unused.close();
      await unused.close();
    });
    assert.equal(left, 0, `${left} sockets or files are left open`);
  }),
  sourceCase('output/full', 'invariant 10: while the output is full it reads no further', async (bench) => {
    const reading = await bench.read();
    await reading.begun();
    let open = () => {};
    let calls = 0;
    const gate = new Promise<void>((resolve) => (open = resolve));
    reading.output.onDrain = () => (++calls >= 1 ? gate : undefined);
    const big = 'x'.repeat(10_000);
    await bench.origin.change(Array.from({ length: MANY }, (_, i) => insert(String(i), big)));
    await reading.whenTrue(() => calls > 0, 'drain was never called');
    const held = reading.output.openRows + reading.output.rows().length;
    assert.ok(held < MANY, `all ${MANY} rows, 40 MB, were put into an output that was full`);
    await bench.settled();
    assert.equal(reading.output.openRows + reading.output.rows().length, held, 'rows come while the output is full');
    reading.output.onDrain = () => undefined;
    open();
    assert.equal((await reading.rows(MANY)).length, MANY);
  }),
  sourceCase(
    'output/idle',
    'invariant 4: an idle source tells how far it is, at ends of transactions only',
    async (bench) => {
      const reading = await bench.read();
      await reading.begun();
      await bench.origin.change([insert('1')]);
      await reading.rows(1);
      assert.ok(reading.output.lastPosition !== null);
    },
  ),
  sourceCase(
    'failure/unreachable',
    'a source that goes away is a typed error to retry, and goes on where it was',
    async (bench) => {
      const first = await bench.read();
      await first.begun();
      await bench.origin.change([insert('1')]);
      await first.rows(1);
      const mend = await bench.driver.interrupt!(bench.origin);
      const error = await thrownBy(first.ended, 'the source went away');
      assert.equal(classOf(error), 'retry', `${error.code} is not tried again`);
      await first.stop().catch(() => {});
      await mend();
      await bench.origin.change([update('1', 'new')]);
      const second = await bench.read(first.output.lastPosition);
      assert.deepEqual(await second.rows(1), [['u', '1', 'new', null]]);
    },
    { needs: ['interrupt'] },
  ),
  sourceCase(
    'failure/lost-history',
    'invariant 5: changes that the source no longer has are a gap, never skipped',
    async (bench) => {
      const first = await bench.read();
      await first.begun();
      await bench.origin.change([insert('1')]);
      await first.rows(1);
      const at = first.output.lastPosition;
      await first.stop();
      await bench.origin.change([insert('2')]);
      await bench.driver.loseHistory!(bench.origin);
      const error = await thrownBy(
        bench.read(at).then((second) => Promise.race([second.ended, second.rows(1)])),
        'the history was lost',
      );
      assert.equal(classOf(error), 'gap', `${error.code} is no gap`);
      assert.ok(error.remedy?.trim(), 'the gap names no remedy');
    },
    { needs: ['loseHistory'] },
  ),
];
