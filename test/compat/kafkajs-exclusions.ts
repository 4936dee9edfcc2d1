/** What is not expected to pass of the suite of kafkajs. */
import type { Exclusion } from './exclusions.ts';

export const kafkajsExclusions: readonly Exclusion[] = [
  {
    reason:
      'records of open and aborted transactions are never visible, and no control batches take up offsets (docs/decisions/2026-11-24-kafka-transactions.md)',
    tests: [
      'Broker > Fetch transactional returns transactional messages only after transaction has ended for an isolation level of "read_committed" (default)',
      'Broker > Fetch transactional returns transactional messages immediately for an isolation level of "read_uncommitted"',
      'Consumer transactions receives aborted messages for an isolation level of READ_UNCOMMITTED',
      'Consumer > Instrumentation Events emits start and end batch process when reading empty control batches',
      "Producer transactions without operations transaction that is created after a transaction that hasn't made any operations should work",
      'Consumer can process transactions across multiple batches',
    ],
  },
  {
    reason: 'the test waits for a request that takes more than 1 ms: the answer comes sooner',
    tests: [
      'Producer emits the request timeout event',
      'Consumer > Instrumentation Events emits request timeout events',
    ],
  },
  {
    reason:
      'offsets are committed for a transactional id by a producer that does not have it: Kafka 2.4 takes them, later ones and Tailrace refuse',
    tests: ['Broker > TxnOffsetCommit ignores invalid transaction fields'],
  },
  {
    reason:
      'topic configurations that Kafka 2.4 has and that do nothing here, such as message.format.version and flush.ms',
    tests: ['Broker > describeConfigs request without config names returns all config entries'],
  },
  {
    reason: 'message.timestamp.difference.max.ms, which Kafka 4 no longer has, is refused',
    tests: ['Broker > Produce Record batch request to a topic with max timestamp difference configured'],
  },
  {
    reason: 'the broker is configured in tailrace.yaml, not by clients',
    tests: ['Admin alter broker configs'],
  },
  {
    reason: 'the brokers shown are one, which serves every partition wherever it is asked',
    tests: ['Broker > deleteRecords rejects the promise when broker is not the partition leader'],
  },
  {
    reason: 'partitions have one place, so no reassignment is ever seen under way',
    tests: ['src/broker/__tests__/listPartitionReassignments.spec.js: Broker > alterPartitionReassignments request'],
  },
];
