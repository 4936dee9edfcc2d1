/**
 * Reads record batches, waiting for new ones if the client asks for it. Only durable records are ever seen: the high
 * watermark is the log's durable end (Invariant 8), and as no transaction is open in the log, so is the last stable offset.
 * There are no fetch sessions (KIP-227): every answer says session 0, and clients then send full requests.
 */
import type { RequestOf, ResponseOf } from '../../wire/messages/api.ts';
import { KafkaError, type KafkaErrorCode } from '../../wire/messages/error-codes.ts';
import { fetch } from '../../wire/messages/fetch.ts';
import type { Broker } from '../broker.ts';
import { type FetchPartition, FetchRead, type PartitionRead, partitionLookup } from '../fetch-read.ts';
import { epochRefusal } from '../leader-epochs.ts';
import { errorCodeOf } from '../log-errors.ts';
import { handler, type RequestContext } from '../request.ts';
import { Operation } from '../security/acls.ts';

/** Older versions expect message sets of formats 0 and 1. */
const FIRST_SERVED_VERSION = 4;
const ZSTD_FROM = 10;
const TOPIC_IDS_FROM = 13;
const READ_COMMITTED = 1;
/** A client that wants to wait for more than this gets its answer earlier, in bytes. */
const MAX_MIN_BYTES = 256 << 10;
/** Longest wait, ms. */
const MAX_WAIT = 300_000;

type Request = RequestOf<typeof fetch>;
type Response = ResponseOf<typeof fetch>;

export function fetchHandler(broker: Broker) {
  return handler(fetch, async (request, context): Promise<Response> => {
    const refusal = sessionRefusal(request);
    if (refusal !== null) return { errorCode: refusal, responses: [] };
    const version = context.header.apiVersion;
    const read = new FetchRead(broker, fetchPartitions(broker, request, context), {
      maxBytes: Math.min(request.maxBytes, broker.limits.maxFetchBytes),
      zstd: version >= ZSTD_FROM,
    });
    await readUntilEnough(broker, read, request, context);
    const throttleTimeMs = broker.quotas.charge(context, 'fetch', read.bytes);
    return { throttleTimeMs, errorCode: KafkaError.NONE, responses: respond(broker, request, read) };
  });
}

function sessionRefusal({ sessionId }: Request): KafkaErrorCode | null {
  return sessionId === 0 ? null : KafkaError.FETCH_SESSION_ID_NOT_FOUND;
}

function fetchPartitions(broker: Broker, request: Request, { header, access }: RequestContext): FetchPartition[] {
  const version = header.apiVersion;
  const replica = request.replicaId >= 0 || request.replicaState.replicaId >= 0;
  return request.topics.flatMap(({ topic: name, topicId, partitions }) => {
    const byId = version >= TOPIC_IDS_FROM;
    const topic = byId ? broker.topics.byId(topicId)?.name : name;
    const refusal =
      version < FIRST_SERVED_VERSION
        ? KafkaError.UNSUPPORTED_VERSION
        : replica
          ? KafkaError.CLUSTER_AUTHORIZATION_FAILED
          : topic === undefined
            ? KafkaError.UNKNOWN_TOPIC_ID
            : access.topic(Operation.READ, topic)
              ? null
              : KafkaError.TOPIC_AUTHORIZATION_FAILED;
    return partitions.map(({ partition, currentLeaderEpoch, fetchOffset, partitionMaxBytes }) => {
      const at = { topic: topic ?? '', partition };
      const fenced = () => epochRefusal(broker.epochs.current(at.topic, partition), currentLeaderEpoch);
      return { ...at, fetchOffset, maxBytes: partitionMaxBytes, refusal: refusal ?? fenced() };
    });
  });
}

/** Ends when there is enough, an error, no time left, or nobody to answer. */
async function readUntilEnough(
  broker: Broker,
  read: FetchRead,
  { minBytes, maxBytes, maxWaitMs }: Request,
  context: RequestContext,
): Promise<void> {
  const { clock, budget } = broker;
  const enough = Math.min(minBytes, maxBytes, MAX_MIN_BYTES);
  const deadline = clock.monotonic() + Math.min(maxWaitMs, MAX_WAIT);
  const memory = broker.fetchMemory.lend();
  context.hold(memory);
  for (;;) {
    const wanted = read.wantedBytes();
    if (wanted > 0) {
      const before = read.bytes;
      const reservation = await budget.acquire(wanted, context.signal);
      context.hold(reservation);
      await read.readMore(memory);
      reservation.shrinkTo(read.bytes - before);
    }
    const left = deadline - clock.monotonic();
    if (read.bytes >= enough || read.failed || left <= 0 || context.signal.aborted || budget.contended) return;
    if (!(await advanced(broker, read.positions(), left, context.signal))) return;
  }
}

/** False when the time is over or the client gone. */
async function advanced(
  { log, clock }: Broker,
  positions: ReturnType<FetchRead['positions']>,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const over = new AbortController();
  const stop = () => over.abort();
  signal.addEventListener('abort', stop, { once: true });
  const timer = clock.sleep(ms, over.signal).then(stop, () => {});
  try {
    await log.waitFor(positions, over.signal);
    return true;
  } catch (error) {
    // Otherwise the topic is gone or the log has failed: the next request is told.
    if (!over.signal.aborted) errorCodeOf(error);
    return false;
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
    await timer;
  }
}

function respond(broker: Broker, request: Request, { partitions }: FetchRead): Response['responses'] {
  const partitionOf = partitionLookup(broker.log.topics);
  let at = 0;
  return request.topics.map(({ topic, topicId, partitions: { length } }) => {
    const reads = partitions.slice(at, at + length);
    at += length;
    return {
      topic,
      topicId,
      partitions: reads.map((read) => partitionResponse(read, partitionOf, request.isolationLevel)),
    };
  });
}

function partitionResponse(
  { request, errorCode, batches }: PartitionRead,
  partitionOf: ReturnType<typeof partitionLookup>,
  isolationLevel: number,
): Response['responses'][number]['partitions'][number] {
  const info = request.refusal === null ? partitionOf(request) : undefined;
  const highWatermark = info?.endOffset ?? -1n;
  return {
    partitionIndex: request.partition,
    errorCode,
    highWatermark,
    lastStableOffset: highWatermark,
    logStartOffset: info?.startOffset ?? -1n,
    // Records of aborted transactions never get into the log.
    abortedTransactions: isolationLevel === READ_COMMITTED ? [] : null,
    records: batches,
  };
}
