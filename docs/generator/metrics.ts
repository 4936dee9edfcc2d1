/** The page of the metrics, from the families that `/metrics` is made of. */
import { families, type Measured } from '../../src/api/metrics/families.ts';
import type { DeliveryTimes, Distribution } from '../../src/contracts/measures.ts';
import { table } from './markdown.ts';

/** What has the same meaning in Debezium (JMX), for whoever brings dashboards along. */
const DEBEZIUM: Readonly<Record<string, string>> = {
  tailrace_source_lag_seconds: 'MilliSecondsBehindSource',
  tailrace_source_last_event_age_seconds: 'MilliSecondsSinceLastEvent',
  tailrace_source_connected: 'Connected',
  tailrace_source_events_total: 'TotalNumberOfCreateEventsSeen, …Update…, …Delete…',
  tailrace_source_events_filtered_total: 'NumberOfEventsFiltered',
  tailrace_source_errors_total: 'NumberOfErroneousEvents',
  tailrace_source_transactions_total: 'NumberOfCommittedTransactions',
  tailrace_snapshot_rows_total: 'RowsScanned',
  tailrace_snapshot_tables_remaining: 'RemainingTableCount',
  tailrace_snapshot_state: 'SnapshotRunning, SnapshotPaused, SnapshotCompleted',
  tailrace_queue_bytes: 'CurrentQueueSizeInBytes',
  tailrace_queue_limit_bytes: 'MaxQueueSizeInBytes',
};

/** An instance with one of everything, so that each family has a sample. */
export function sampleMeasured(): Measured {
  const times: Distribution = { buckets: [[0.005, 1]], count: 2, sum: 1.5 };
  const delivery: DeliveryTimes = { total: times, capture: times, queue: times, sink: times };
  const counts = { insert: 1, update: 2, delete: 3, snapshot: 4, filtered: 5 };
  const [pipeline, source, sink] = ['shop', 'db', 'search'];
  return {
    version: '0.0.0',
    now: 10_000,
    groups: [{ name: 'reports', state: 'Stable', members: 1, lag: '3' }],
    groupTimes: new Map([['reports', 8_000]]),
    measures: {
      sources: [
        {
          ...{ pipeline, source, lagMs: 20, queueBytes: 1, queueLimitBytes: 2, errors: 3, retries: 2 },
          tables: new Map([['public.products', counts]]),
        },
      ],
      sinks: [{ pipeline, sink, errors: 3, retries: 2, lastSuccessMs: 9_000, delivery }],
    },
    status: {
      instance: 'main',
      running: true,
      pid: 1,
      startedMs: 0,
      pipelines: [
        {
          name: pipeline,
          sources: [
            {
              ...{
                name: source,
                type: 'a',
                state: 'streaming',
                problem: null,
                rows: 7,
                transactions: 3,
                position: null,
              },
              lastCommitMs: 1_000,
              upstream: {
                snapshots: [
                  {
                    ...{ table: 'public.products', kind: 'initial', state: 'reading', rows: 50, estimatedRows: 100 },
                    ...{ percent: 50, rowsPerSecond: 10, etaSeconds: 5 },
                  },
                ],
                retention: { retainedBytes: 4_096, safeBytes: 8_192, secondsUntilLost: 60 },
                warnings: [],
              },
            },
          ],
          stage: {
            ...{ state: 'running', problem: null, records: 10, sent: 12, repeats: 1, errors: 0, retries: 0 },
            ...{ lagRecords: 2, lagMs: 500 },
          },
          sinks: [
            {
              ...{ name: sink, type: 'b', state: 'running', problem: null, records: 5, deadLetters: 2, refused: 2 },
              ...{ oldestDeadLetterMs: 1_000, lagRecords: 4, lagMs: 1_500 },
              replay: { startedMs: 0, rate: null, done: 1, total: 2, percent: 50, etaSeconds: 1 },
            },
          ],
        },
      ],
    },
  };
}

export function metricsPage(): string {
  const rows = families(sampleMeasured()).map(({ name, type, help, samples }) => {
    const labels = Object.keys(samples[0]?.labels ?? {}).filter((label) => label !== 'le');
    return [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(' '), help, DEBEZIUM[name] ?? ''];
  });
  return `# Metrics

\`GET /metrics\` of the HTTP API, in the text format of Prometheus; it needs no token, and no row values are in it. What is not
known is left out, not zero. Counters start with the process. What a server keeps for a source has the same names for a
replication slot as for a binary log, so that one alert covers all.

${table(['name', 'type', 'labels', 'meaning', 'in Debezium'], rows)}
`;
}
