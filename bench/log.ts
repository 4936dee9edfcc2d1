/**
 * The log and its Kafka listener beside a real Kafka broker: `npm run bench -- log [row…]`. Each row is a run of its own, of
 * less than a minute, so that a machine which others use can be kept quiet for it.
 */
import { findKafka } from '../demo/servers/kafka-jars.ts';
import { findKcat } from '../demo/servers/kcat.ts';
import { TailraceError } from '../src/contracts/errors.ts';
import { KINDS, type Kind } from './log/brokers.ts';
import { runFetch } from './log/fetch.ts';
import { GOALS, runGoal } from './log/goals/index.ts';
import { runLatency } from './log/latency.ts';
import { PRODUCE_ROWS, runProduce } from './log/produce.ts';
import { runColdStart, runKilledStart } from './log/start.ts';

type Row = (kinds: readonly Kind[]) => Promise<void>;

const needKcat: Record<string, Row> = {
  ...Object.fromEntries(PRODUCE_ROWS.map((row) => [`produce-${row.name}`, (kinds) => runProduce(row, kinds)])),
  fetch: runFetch,
  'start-killed': runKilledStart,
};
const all: Record<string, Row> = {
  ...needKcat,
  latency: runLatency,
  'start-cold': runColdStart,
  ...Object.fromEntries(GOALS.map((name) => [name, () => runGoal(name)])),
};

export const rows = Object.keys(all);

export async function run(wanted: readonly string[]): Promise<void> {
  const noKafka = await missing(findKafka);
  const noKcat = await missing(findKcat);
  for (const name of wanted) {
    if (noKcat !== null && Object.hasOwn(needKcat, name)) continue;
    process.stdout.write(`log: ${name}\n`);
    await all[name]!(noKafka === null ? KINDS : ['Tailrace']);
  }
  for (const reason of [noKafka, noKcat]) {
    if (reason !== null) process.stderr.write(`\n!!! NOT MEASURED: ${reason}\n`);
  }
}

/** What is missing, loudly; null when nothing is. */
async function missing(find: () => Promise<unknown>): Promise<string | null> {
  try {
    await find();
    return null;
  } catch (error) {
    if (!(error instanceof TailraceError) || error.code !== 'demo.missing') throw error;
    const reason = `${error.message} ${error.remedy ?? ''}`.trim();
    process.stderr.write(`\n!!! MISSING: ${reason}\n`);
    return reason;
  }
}
