import type { Route } from './route.ts';
import { alterTopic } from './routes/alter-topic.ts';
import { compactTopic } from './routes/compact-topic.ts';
import { createTopic } from './routes/create-topic.ts';
import {
  deadLetter,
  deadLetters,
  discardDeadLetters,
  editDeadLetter,
  retryDeadLetters,
  tryDeadLetters,
} from './routes/dead-letters.ts';
import { deleteTopic } from './routes/delete-topic.ts';
import { group } from './routes/group.ts';
import { groups } from './routes/groups.ts';
import { health, ready } from './routes/health.ts';
import { cancelJob, jobs, rebuild } from './routes/jobs.ts';
import { cancelLogBackup, logBackup, startLogBackup } from './routes/log-backup.ts';
import { logs } from './routes/logs.ts';
import { metrics } from './routes/metrics.ts';
import { openApiRoute } from './routes/openapi.ts';
import { pipeline, pipelines } from './routes/pipelines.ts';
import { apply, plan } from './routes/plan.ts';
import { planSeek } from './routes/plan-seek.ts';
import { readRecords } from './routes/read-records.ts';
import { seek } from './routes/seek.ts';
import { adoptSink, cancelReplay, pauseSinks, planReplay, replay, resumeSinks } from './routes/sinks.ts';
import { cancelSnapshot, pauseSnapshots, resumeSnapshots, snapshots, startSnapshot } from './routes/snapshots.ts';
import { status } from './routes/status.ts';
import { tap } from './routes/tap.ts';
import { topic } from './routes/topic.ts';
import { topics } from './routes/topics.ts';
import { trace } from './routes/trace.ts';
import { cancelVerification, verification, verifications, verify } from './routes/verifications.ts';
import { writeRecords } from './routes/write-records.ts';

/** In the order of the documentation. */
export const routes: readonly Route[] = [
  health,
  ready,
  metrics,
  openApiRoute(() => routes),
  status,
  logs,
  pipelines,
  pipeline,
  plan,
  apply,
  tap,
  trace,
  topics,
  createTopic,
  topic,
  alterTopic,
  deleteTopic,
  readRecords,
  writeRecords,
  compactTopic,
  groups,
  group,
  planSeek,
  logBackup,
  startLogBackup,
  cancelLogBackup,
  seek,
  snapshots,
  startSnapshot,
  pauseSnapshots,
  resumeSnapshots,
  cancelSnapshot,
  pauseSinks,
  resumeSinks,
  planReplay,
  replay,
  cancelReplay,
  adoptSink,
  jobs,
  rebuild,
  cancelJob,
  deadLetters,
  deadLetter,
  tryDeadLetters,
  retryDeadLetters,
  discardDeadLetters,
  editDeadLetter,
  verifications,
  verification,
  verify,
  cancelVerification,
];
