/**
 * A process that delivers a log of transfers to one transactional sink, and exits 0 when all of it is there. What must be done
 * at the target first, it prints, and exits 3.
 */
import { connectors } from '../../connectors/index.ts';
import { TailraceError } from '../../src/contracts/errors.ts';
import type { Consistency } from '../../src/contracts/plan.ts';
import { createEnvelope } from '../../src/envelope/index.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { failpointFrom } from '../../src/lib/failpoint.ts';
import { openLog } from '../../src/log/embedded-log.ts';
import { SinkTask } from '../../src/pipeline/sink-task.ts';
import { createRules } from '../../src/rules/index.ts';
import { BANK, TABLES } from './transfers.ts';

export interface TransfersJob {
  readonly dataDir: string;
  readonly type: string;
  readonly config: unknown;
  readonly consistency: Consistency;
  /** Most records in one write. */
  readonly records: number;
}

const POLL_MS = 2;
export const NOT_READY = 3;

async function main({ dataDir, type, config, consistency, records }: TransfersJob): Promise<void> {
  const log = await openLog({ dir: dataDir, clock: systemClock, random: Math.random, log: () => {} });
  const envelope = createEnvelope({ productVersion: 'test' });
  const manifest = (await connectors[type]?.())?.sink;
  if (manifest === undefined) throw new TailraceError('internal.bug', `no sink ${type}`);
  const batch = { maxRecords: records, maxBytes: 1 << 20 };
  const plan = { name: 'out', manifest, config: manifest.config.parse(config), from: null, transform: [], batch };
  const failpoint = failpointFrom(process.env.TAILRACE_FAILPOINT);
  const task = new SinkTask({
    plan: { ...plan, maxDeadLettersPerMinute: 0, consistency, path: [] },
    pipeline: BANK,
    steps: [],
    sources: [BANK],
    topics: TABLES.map((table) => envelope.topicOf(BANK, 'public', table)),
    log,
    envelope,
    rules: createRules(),
    rulesContext: { maskKey: null },
    context: { log: () => {}, clock: systemClock, failpoint, random: Math.random },
    maxBytes: 1 << 22,
  });
  const abort = new AbortController();
  const done = task.run(abort.signal);
  while (task.status().lagRecords > 0) {
    const { problem, state } = task.status();
    if (problem?.code === 'sink.not_ready') {
      process.stdout.write(problem.remedy ?? '');
      process.exitCode = NOT_READY;
      break;
    }
    if (problem !== null && state !== 'retrying') throw new TailraceError('internal.bug', problem.message);
    await systemClock.sleep(POLL_MS);
  }
  abort.abort();
  await done;
  await log.close();
}

await main(JSON.parse(process.argv[2]!) as TransfersJob);
