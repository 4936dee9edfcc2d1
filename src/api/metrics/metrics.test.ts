import { expect, test } from 'vitest';
import { sampleMeasured } from '../../../docs/generator/metrics.ts';
import type { InstanceStatus, SinkStatus, SourceStatus } from '../../contracts/control.ts';
import { exposition } from './exposition.ts';
import { families } from './families.ts';

const SOURCE: SourceStatus = {
  name: 'db',
  type: 'a',
  state: 'streaming',
  problem: null,
  rows: 7,
  transactions: 3,
  position: null,
  lastCommitMs: 1_000,
  upstream: {
    snapshots: [
      {
        table: 'public.t',
        kind: 'initial',
        state: 'reading',
        rows: 50,
        estimatedRows: 100,
        percent: 50,
        rowsPerSecond: 10,
        etaSeconds: 5,
      },
    ],
    retention: { retainedBytes: 4096, safeBytes: null, secondsUntilLost: 60 },
    warnings: [],
  },
};

const SINK: SinkStatus = {
  name: 'out',
  type: 'b',
  state: 'gap',
  problem: null,
  records: 5,
  deadLetters: 2,
  lagRecords: 4,
  lagMs: 1_500,
};

function metricsOf(sources: readonly SourceStatus[], sinks: readonly SinkStatus[], pipeline = 'shop'): string {
  const pipelines = [{ name: pipeline, sources, sinks }];
  const status: InstanceStatus = { instance: 'main', running: true, pid: 1, startedMs: 0, pipelines };
  const groups = [{ name: 'g', state: 'Stable', members: 1, lag: '9007199254740993' }];
  const measures = { sources: [], sinks: [] };
  const measured = { status, measures, groups, groupTimes: new Map(), version: '1.2.3', now: 3_500 };
  return exposition(families(measured));
}

test('what the status says, by the names of the documentation', () => {
  const lines = metricsOf([SOURCE], [SINK]).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      '# TYPE tailrace_source_connected gauge',
      'tailrace_info{instance="main",version="1.2.3"} 1',
      'tailrace_source_connected{pipeline="shop",source="db"} 1',
      'tailrace_source_last_event_age_seconds{pipeline="shop",source="db"} 2.5',
      'tailrace_source_transactions_total{pipeline="shop",source="db"} 3',
      'tailrace_source_retained_bytes{pipeline="shop",source="db"} 4096',
      'tailrace_source_seconds_to_loss{pipeline="shop",source="db"} 60',
      'tailrace_snapshot_rows_total{pipeline="shop",source="db",table="public.t"} 50',
      'tailrace_snapshot_state{pipeline="shop",source="db",table="public.t",state="reading"} 1',
      'tailrace_sink_records_total{pipeline="shop",sink="out",result="applied"} 5',
      'tailrace_dlq_records{pipeline="shop",sink="out"} 2',
      'tailrace_sink_lag_seconds{pipeline="shop",sink="out"} 1.5',
      'tailrace_health{kind="sink",name="shop/out",status="broken"} 1',
      'tailrace_health{kind="sink",name="shop/out",status="ok"} 0',
      'tailrace_group_lag_records{group="g"} 9007199254740992',
    ]),
  );
  // What is not known is left out, not zero.
  expect(lines.filter((line) => line.includes('safe_bytes'))).toEqual([]);
});

test('what was counted and timed: histograms as Prometheus has them', () => {
  const lines = exposition(families(sampleMeasured())).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'tailrace_source_lag_seconds{pipeline="shop",source="db"} 0.02',
      'tailrace_source_events_total{pipeline="shop",source="db",table="public.products",op="update"} 2',
      'tailrace_source_events_filtered_total{pipeline="shop",source="db",table="public.products"} 5',
      'tailrace_queue_bytes{pipeline="shop",source="db"} 1',
      'tailrace_sink_retries_total{pipeline="shop",sink="search"} 2',
      'tailrace_sink_last_success_age_seconds{pipeline="shop",sink="search"} 1',
      '# TYPE tailrace_delivery_seconds histogram',
      'tailrace_delivery_seconds_bucket{pipeline="shop",sink="search",le="0.005"} 1',
      'tailrace_delivery_seconds_bucket{pipeline="shop",sink="search",le="+Inf"} 2',
      'tailrace_delivery_seconds_sum{pipeline="shop",sink="search"} 1.5',
      'tailrace_delivery_seconds_count{pipeline="shop",sink="search"} 2',
      'tailrace_delivery_stage_seconds_count{pipeline="shop",sink="search",stage="queue"} 2',
      'tailrace_group_lag_seconds{group="reports"} 2',
    ]),
  );
});

test('names of any kind do not break the format', () => {
  const text = metricsOf([{ ...SOURCE, name: 'a"b\\c\nd' }], [], 'p');
  expect(text).toContain('tailrace_source_connected{pipeline="p",source="a\\"b\\\\c\\nd"} 1\n');
  for (const line of text.trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) tailrace_\w+ .+|tailrace_\w+(\{.*\})? -?[\d.e+]+)$/);
  }
});
