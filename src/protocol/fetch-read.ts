/**
 * The records for one Fetch request. Reads whole stored batches, untouched, as they become durable, until the client's
 * least size is there. What has been read is kept while waiting for more, so that nothing is read twice.
 */
import type { PartitionInfo, ReadMemory, TopicPartition, Topics } from '../contracts/log.ts';
import { CODEC_BITS } from '../wire/batch-header.ts';
import { ZSTD } from '../wire/compression/decompress.ts';
import { KafkaError, type KafkaErrorCode } from '../wire/messages/error-codes.ts';
import type { Broker } from './broker.ts';
import { errorCodeOf } from './log-errors.ts';

const ATTRIBUTES_LOW_BYTE = 22;

export interface FetchPartition extends TopicPartition {
  readonly fetchOffset: bigint;
  readonly maxBytes: number;
  /** Why it is not read at all. */
  readonly refusal: KafkaErrorCode | null;
}

export interface PartitionRead {
  readonly request: FetchPartition;
  errorCode: KafkaErrorCode;
  /** One behind the other; several where they lie side by side in memory. */
  readonly batches: Uint8Array[];
  bytes: number;
  /** Offset to go on from. */
  next: bigint;
}

export interface FetchLimits {
  readonly maxBytes: number;
  /** Whether the client can read zstd. */
  readonly zstd: boolean;
}

export class FetchRead {
  readonly partitions: readonly PartitionRead[];
  readonly #broker: Broker;
  readonly #limits: FetchLimits;
  #bytes = 0;

  constructor(broker: Broker, requests: readonly FetchPartition[], limits: FetchLimits) {
    this.#broker = broker;
    this.#limits = limits;
    this.partitions = requests.map((request) => ({
      request,
      errorCode: request.refusal ?? KafkaError.NONE,
      batches: [],
      bytes: 0,
      next: request.fetchOffset,
    }));
  }

  get bytes(): number {
    return this.#bytes;
  }

  get failed(): boolean {
    return this.partitions.some(({ errorCode }) => errorCode !== KafkaError.NONE);
  }

  /** Most that `readMore` would read now, about. */
  wantedBytes(): number {
    const readable = this.#open().filter(({ read, info }) => read.next < info.endOffset);
    let wanted = 0;
    for (const { read, info } of readable) {
      wanted += Math.max(0, Math.min(info.sizeBytes, read.request.maxBytes - read.bytes));
    }
    const least = readable.length > 0 && this.#bytes === 0 ? 1 : 0;
    return Math.max(least, Math.min(wanted, this.#limits.maxBytes - this.#bytes));
  }

  /** Ends of the partitions that may still be read: to wait for more. */
  positions(): (TopicPartition & { readonly offset: bigint })[] {
    return this.#open().map(({ read, info }) => {
      const { topic, partition } = read.request;
      return { topic, partition, offset: info.endOffset };
    });
  }

  /** Reads what is durable, in the order of the request, up to the limits; at least one batch if there is any (KIP-74). */
  async readMore(memory: ReadMemory): Promise<void> {
    for (const { read, info } of this.#open()) {
      if (read.next < info.endOffset) await this.#readPartition(read, memory);
    }
  }

  /** The partitions without error, with what the log says of them now. Finds errors. */
  #open(): { readonly read: PartitionRead; readonly info: PartitionInfo }[] {
    const partitionOf = partitionLookup(this.#broker.log.topics);
    return this.partitions.flatMap((read) => {
      if (read.errorCode !== KafkaError.NONE) return [];
      const info = partitionOf(read.request);
      const errorCode = problemOf(read.next, info);
      if (info !== undefined && errorCode === null) return [{ read, info }];
      // What has been read is sent; the error comes with the next request.
      if (read.bytes === 0) read.errorCode = errorCode ?? KafkaError.UNKNOWN_TOPIC_OR_PARTITION;
      return [];
    });
  }

  async #readPartition(read: PartitionRead, memory: ReadMemory): Promise<void> {
    const { topic, partition, maxBytes } = read.request;
    const left = Math.min(maxBytes - read.bytes, this.#limits.maxBytes - this.#bytes);
    if (left <= 0 && this.#bytes > 0) return;
    try {
      const batches = await this.#broker.log.read(topic, partition, read.next, Math.max(1, left), memory);
      let used = 0;
      for (const { bytes, nextOffset } of batches) {
        used += bytes.length;
        // The log gives at least one batch, however large; only the first of the whole response may go over the limits.
        if (used > left && this.#bytes > 0) return;
        if (!this.#limits.zstd && (bytes[ATTRIBUTES_LOW_BYTE]! & CODEC_BITS) === ZSTD) {
          if (read.bytes === 0) read.errorCode = KafkaError.UNSUPPORTED_COMPRESSION_TYPE;
          return;
        }
        addPiece(read.batches, bytes);
        read.bytes += bytes.length;
        read.next = nextOffset;
        this.#bytes += bytes.length;
      }
    } catch (error) {
      const errorCode = errorCodeOf(error);
      if (read.bytes === 0) read.errorCode = errorCode;
    }
  }
}

/** Batches that lie side by side are sent as one piece. */
function addPiece(pieces: Uint8Array[], bytes: Uint8Array): void {
  const last = pieces.at(-1);
  if (last?.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) {
    pieces[pieces.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + bytes.length);
  } else pieces.push(bytes);
}

/** Looks each topic up once. */
export function partitionLookup(topics: Topics): (at: TopicPartition) => PartitionInfo | undefined {
  const found = new Map<string, readonly PartitionInfo[]>();
  return ({ topic, partition }) => {
    let partitions = found.get(topic);
    if (partitions === undefined) {
      partitions = topics.get(topic)?.partitions ?? [];
      found.set(topic, partitions);
    }
    return partitions[partition];
  };
}

function problemOf(next: bigint, info: PartitionInfo | undefined): KafkaErrorCode | null {
  if (info === undefined) return KafkaError.UNKNOWN_TOPIC_OR_PARTITION;
  return next < info.startOffset || next > info.endOffset ? KafkaError.OFFSET_OUT_OF_RANGE : null;
}
