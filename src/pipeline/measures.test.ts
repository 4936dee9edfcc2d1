/** What a running instance counts and times, up to the names that dashboards are built on. */
import { expect, test } from 'vitest';
import { sampleMeasured } from '../../docs/generator/metrics.ts';
import { Target, Upstream } from '../../test/support/scripted-connectors.ts';
import { caughtUp, startScene, temporaryDirectory, until } from '../../test/support/scripted-scene.ts';
import { families } from '../api/metrics/families.ts';
import { TailraceError } from '../contracts/errors.ts';

const dir = temporaryDirectory();

/** Alerts and dashboards name them: one that is missing is silence where somebody waits for a page. */
const PROMISED = [
  'tailrace_source_lag_seconds',
  'tailrace_source_last_event_age_seconds',
  'tailrace_source_connected',
  'tailrace_source_events_total',
  'tailrace_source_events_filtered_total',
  'tailrace_source_errors_total',
  'tailrace_source_transactions_total',
  'tailrace_queue_bytes',
  'tailrace_queue_limit_bytes',
  'tailrace_delivery_seconds',
  'tailrace_delivery_stage_seconds',
  'tailrace_sink_records_total',
  'tailrace_sink_retries_total',
  'tailrace_sink_last_success_age_seconds',
  'tailrace_dlq_records',
  'tailrace_health',
];
/** Of sources that tell of snapshots and of what their servers keep, of dead letters and of consumer groups. */
const AT_TIMES = [
  'tailrace_snapshot_rows_total',
  'tailrace_snapshot_rows_estimated',
  'tailrace_snapshot_eta_seconds',
  'tailrace_snapshot_tables_remaining',
  'tailrace_snapshot_state',
  'tailrace_source_retained_bytes',
  'tailrace_source_safe_bytes',
  'tailrace_source_seconds_to_loss',
  'tailrace_dlq_oldest_age_seconds',
  'tailrace_group_lag_records',
  'tailrace_group_lag_seconds',
];

test('a source, a sink that fails once, and the names of all that is told of them', async () => {
  const upstream = new Upstream();
  const target = new Target();
  let isDown = true;
  target.fault = (step) => {
    if (step !== 'flush' || !isDown) return;
    isDown = false;
    throw new TailraceError('sink.unreachable', 'down');
  };
  const committedMs = Date.now() - 2_000;
  upstream.add({
    timeUs: committedMs * 1_000,
    rows: [
      { op: 'c', id: 1, v: 'a' },
      { op: 'c', id: 2, v: 'b' },
      { op: 'u', id: 1, v: 'c' },
      { op: 'd', id: 2, v: null },
    ],
  });
  const scene = await startScene(dir(), upstream, target);
  await until(() => caughtUp(scene).transactions === 1 && caughtUp(scene).lag === 0, 'delivered');
  const measures = scene.instance.measures();
  const now = Date.now();
  const [source, sink] = [measures.sources[0]!, measures.sinks[0]!];
  expect(source).toMatchObject({ pipeline: 'p', source: 'src', errors: 0, retries: 0, queueBytes: 0 });
  expect([...source.tables]).toEqual([['public.t', { insert: 2, update: 1, delete: 1, snapshot: 0, filtered: 0 }]]);
  expect(source.lagMs).toBeGreaterThanOrEqual(2_000);
  expect(sink).toMatchObject({ pipeline: 'p', sink: 'out', errors: 1, retries: 1 });
  expect(sink.lastSuccessMs).toBeLessThanOrEqual(now);
  const { total, capture, queue, sink: own } = sink.delivery;
  // What the first try had taken is timed once. A tombstone is no change.
  expect([total.count, capture.count, queue.count, own.count]).toEqual([4, 4, 4, 4]);
  expect(total.sum).toBeCloseTo(capture.sum + queue.sum + own.sum, 3);
  expect(total.sum).toBeGreaterThanOrEqual(4 * 2);
  expect(total.sum).toBeLessThanOrEqual((4 * (now - committedMs)) / 1_000);
  const base = { status: scene.instance.status(), groups: [], groupTimes: new Map(), version: '0', now };
  const named = (all: ReturnType<typeof families>) =>
    all.filter(({ samples }) => samples.length > 0).map(({ name }) => name);
  expect(named(families({ ...base, measures }))).toEqual(expect.arrayContaining(PROMISED));
  expect(named(families(sampleMeasured()))).toEqual(expect.arrayContaining([...PROMISED, ...AT_TIMES]));
  await scene.stop();
  // It does not read any more, and falls behind with the time.
  expect(scene.instance.measures().sources[0]!.lagMs).toBeGreaterThanOrEqual(source.lagMs!);
});

test('rows that the steps of a source keep from the log are counted as such', async () => {
  const upstream = new Upstream();
  const filter = { verb: 'filter', config: `v != 'no'`, path: ['source', 'transform', 0] };
  upstream.add({
    rows: [
      { op: 'c', id: 1, v: 'no' },
      { op: 'c', id: 2, v: 'yes' },
      { op: 'd', id: 2, v: null },
    ],
  });
  const scene = await startScene(dir(), upstream, new Target(), { sourceTransform: [filter] });
  await until(() => caughtUp(scene).transactions === 1, 'captured');
  expect([...scene.instance.measures().sources[0]!.tables.values()]).toEqual([
    { insert: 2, update: 0, delete: 1, snapshot: 0, filtered: 1 },
  ]);
  await scene.stop();
});
