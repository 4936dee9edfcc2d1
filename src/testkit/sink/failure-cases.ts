/** What a sink does when records or the target fail, and how it ends. */
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { classOf, TailraceError } from '../../contracts/errors.ts';
import { batch } from '../made-changes.ts';
import { leftOpen } from '../open-handles.ts';
import { within } from '../within.ts';
import {
  insert,
  KIT_TOPIC,
  keepsRows,
  refusals,
  type Session,
  type SinkBench,
  type SinkCase,
  sinkCase,
  update,
} from './bench.ts';

const END_MS = 5_000;
const FAIL_MS = 30_000;

/** The work fails as something that may succeed later. */
async function expectRetry(what: string, work: Promise<unknown>): Promise<void> {
  const error = await within(FAIL_MS, what, work).then(
    () => assert.fail(`${what} succeeded while the target was away`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(error instanceof TailraceError, `${what} threw no TailraceError: ${inspect(error)}`);
  assert.equal(classOf(error), 'retry', `${what} threw ${error.code}, which is not tried again`);
}

/** Where a session goes on: at what the target holds, or at what the runtime would have committed. */
const goesOnAt = ({ resume }: Session, committed: number): number => Number(resume?.[0]?.next ?? committed);

async function interrupted(bench: SinkBench, away: () => Promise<() => Promise<void>>): Promise<void> {
  const changes = [
    insert(1, '1', 'a', 'b'),
    update(2, '1', 'c', 'd'),
    insert(3, '2', 'a', 'b'),
    update(4, '1', 'e', 'f'),
  ];
  const first = await bench.session();
  await bench.apply(first, changes.slice(0, 1));
  const mend = await away();
  try {
    await expectRetry('a write', bench.apply(first, changes.slice(1, 3), { from: 1 }));
    await within(END_MS, 'close', first.sink.close());
    await expectRetry('open and write', openAndWrite(bench));
  } finally {
    await mend();
  }
  const second = await bench.session();
  const from = goesOnAt(second, 1);
  await bench.apply(second, changes.slice(from, 3), { from, epoch: 3 });
  await bench.apply(second, changes.slice(3), { from: 3, epoch: 3 });
}

async function openAndWrite(bench: SinkBench): Promise<void> {
  const session = await bench.session();
  await bench.apply(session, [insert(9, 'never', 'a', 'b')], { from: 1, epoch: 2 });
}

export const failureCases: readonly SinkCase[] = [
  sinkCase(
    'failure/unreachable',
    'a target that is away is a typed error to retry; afterwards nothing is lost or half written, each key in order',
    async (bench, subject) => {
      await interrupted(bench, () => subject.driver.interrupt!(bench.target));
      if (keepsRows(subject)) {
        const expected = [
          ['1', 'e', 'f'],
          ['2', 'a', 'b'],
        ];
        return bench.expectRows(expected, 'after the target came back');
      }
      const entries = (await bench.entries()).map(([, id, a]) => `${id} ${a}`);
      const held = subject.driver.duplicates === undefined ? entries : [...new Set(entries)];
      assert.deepEqual(held, ['1 a', '1 c', '2 a', '1 e']);
    },
    { needs: ['interrupt'] },
  ),
  sinkCase(
    'failure/poison',
    'a record that the target never accepts comes back as a value, and only that one',
    async (bench, { driver }) => {
      const poison = await driver.poison!(bench.target);
      const session = await bench.session();
      const changes = [insert(1, '1', 'a', 'b'), insert(2, '2', poison, 'b'), insert(3, '3', 'a', 'b')];
      const refused = await bench.apply(session, changes);
      assert.deepEqual(refusals(refused), ['1 sink.rejected']);
      const expected = [
        ['1', 'a', 'b'],
        ['3', 'a', 'b'],
      ];
      await bench.expectRows(expected, 'not the other records');
      await bench.apply(session, [insert(4, '2', 'good', 'b')], { from: 3 });
      assert.ok(
        (await bench.rows()).some(([id]) => id === '2'),
        'a later change of the refused row does not arrive',
      );
    },
    { needs: ['poison'] },
  ),
  sinkCase('life/abort', 'an aborted write ends in time, and its repeat is whole', async (bench) => {
    const changes = Array.from({ length: 500 }, (_, i) => insert(i + 1, String(i).padStart(3, '0'), 'a', 'b'));
    const first = await bench.session();
    const stop = new AbortController();
    const writing = first.sink.write(batch(changes, { topic: KIT_TOPIC }), stop.signal);
    stop.abort();
    await within(
      END_MS,
      'an aborted write',
      writing.catch(() => []),
    );
    await within(END_MS, 'close', first.sink.close());
    const second = await bench.session();
    const from = goesOnAt(second, 0);
    await bench.apply(second, changes.slice(from), { from, epoch: 2 });
    assert.equal((await bench.rows()).length, changes.length);
  }),
  sinkCase('life/close', 'close ends in time, twice, with and without something unflushed', async (bench) => {
    const idle = await bench.session();
    await within(END_MS, 'close', idle.sink.close());
    await within(END_MS, 'the second close', idle.sink.close());
    const busy = await bench.session();
    await busy.sink.write(batch([insert(1, '1', 'a', 'b')], { topic: KIT_TOPIC }), new AbortController().signal);
    await within(END_MS, 'close after a write', busy.sink.close());
  }),
  sinkCase('life/handles', 'what it opens it closes: no socket or file is left', async (bench) => {
    await bench.run([insert(1, '1', 'a', 'b')]);
    const left = await leftOpen(async () => {
      const session = await bench.session();
      await bench.apply(session, [insert(2, '2', 'a', 'b')], { from: 1, epoch: 2 });
      await session.sink.close();
    });
    assert.equal(left, 0, `${left} sockets or files are left open`);
  }),
  sinkCase('life/check-handles', 'check closes what it opens', async (bench, { sink }) => {
    await sink.check(bench.options());
    const left = await leftOpen(() => sink.check(bench.options()));
    assert.equal(left, 0, `${left} sockets or files are left open`);
  }),
];
