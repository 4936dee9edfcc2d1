import { rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { SentRow } from '../../../test/support/encoded.ts';
import fc from '../../../test/support/fast-check.ts';
import { COLUMNS, RehydrationWorld, TOPIC } from '../../../test/support/rehydration-world.ts';
import { ROW, type Step, UnsentRows, VALUE } from '../../../test/support/unsent-rows.ts';

interface Transaction {
  readonly steps: readonly Step[];
  readonly event: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('put', 'touch', 'touch', 'change', 'move', 'delete', 'truncate'),
  at: fc.nat(4),
  to: fc.nat(5),
  size: fc.oneof(fc.nat(VALUE + 4), fc.nat(ROW + 60)),
});
const EVENTS = ['go on', 'go on', 'rest', 'rest', 'kill', 'kill before', 'close', 'lose', 'begin anew'];
const transaction: fc.Arbitrary<Transaction> = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 4 }),
  event: fc.constantFrom(...EVENTS),
});

test('invariant 9: every row is whole and as of its event, wherever the process is killed and whatever was lost of the store', async () => {
  await fc.assert(fc.asyncProperty(fc.array(transaction, { maxLength: 25 }), runProgram), {
    numRuns: Number(process.env.TAILRACE_TEST_RUNS ?? 20),
  });
});

async function runProgram(program: readonly Transaction[]): Promise<void> {
  const world = new RehydrationWorld();
  const model = new UnsentRows();
  const expected: (readonly (string | null)[])[] = [];
  let session = await world.open();
  for (const { steps, event } of program) {
    const sent = sentOf(steps, model, expected);
    if (event === 'kill before') {
      // What was written and did not become durable is sent again.
      await world.write(session, sent, true);
      session.kept.close();
      session = await world.open();
    }
    await world.write(session, sent);
    await world.clock.advance(1_000);
    if (event === 'rest') session.kept.rest();
    if (['rest', 'go on', 'kill before'].includes(event)) continue;
    session.kept.close(event === 'close');
    if (event === 'lose') rmSync(world.path, { force: true });
    if (event === 'begin anew') world.since = { [TOPIC]: String(world.end) };
    session = await world.open();
    if (event !== 'begin anew' || model.rows.size === 0) continue;
    await world.write(session, model.snapshot());
    for (const key of model.rows.keys()) expected.push(model.values(key));
  }
  session.kept.close();
  expect(await world.rows()).toEqual(expected);
}

/** What the source sends of the steps; `expected` gets the rows that the log must have of them. */
function sentOf(steps: readonly Step[], model: UnsentRows, expected: (readonly (string | null)[])[]) {
  if (steps[0]!.kind === 'truncate') return model.take(steps[0]!, COLUMNS);
  const rows: SentRow[] = [];
  for (const one of steps) {
    const sent = one.kind === 'truncate' ? [] : (model.take(one, COLUMNS) as readonly SentRow[]);
    rows.push(...sent);
    for (const { op, after } of sent) {
      if (op !== 'd') expected.push(model.values(Number((after![0] as { readonly text: string }).text)));
    }
  }
  return rows;
}
