/** How the one budget of the process's buffers, `memory:`, is divided (Invariant 10). Sources and sinks have the other half. */

const MIB = 1 << 20;

export interface MemoryShares {
  readonly log: {
    /** An eighth: commits wait when four times as much is outside of segments. */
    readonly flushBytes: number;
    /** A sixteenth, as the next. */
    readonly stageBytes: number;
    readonly keyBytes: number;
  };
  /** Three sixteenths. */
  readonly kafka: {
    readonly memoryBytes: number;
    readonly transactionBytes: number;
    /** What one request or response may take. */
    readonly maxProduceBytes: number;
    readonly maxFetchBytes: number;
  };
}

/** @param total bytes. More than is of use is not given to a part. */
export function memoryShares(total: number): MemoryShares {
  const part = (share: number, most: number) => Math.min(most * MIB, Math.floor(total * share));
  const connections = Math.floor(total / 8);
  return {
    log: { flushBytes: part(1 / 32, 8), stageBytes: part(1 / 16, 16), keyBytes: part(1 / 16, 256) },
    kafka: {
      memoryBytes: connections,
      transactionBytes: Math.floor(total / 16),
      maxProduceBytes: Math.min(connections, 32 * MIB),
      maxFetchBytes: Math.min(connections, 8 * MIB),
    },
  };
}
