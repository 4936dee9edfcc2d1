/** What the disk under a directory can do: the limit that durable figures are read against. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface DiskLimits {
  /** ms for one fdatasync after a 4 KiB append. */
  readonly fdatasyncP50Ms: number;
  /** MiB/s of 1 MiB appends with one fdatasync every 4 MiB. */
  readonly rawWriteMiBps: number;
}

export function measureDisk(dir: string): DiskLimits {
  const path = join(dir, 'disk-limit');
  const file = openSync(path, 'w');
  try {
    const small = Buffer.alloc(4096, 1);
    const times: number[] = [];
    for (let i = 0; i < 200; i++) {
      writeSync(file, small);
      const start = performance.now();
      fdatasyncSync(file);
      times.push(performance.now() - start);
    }
    const big = Buffer.alloc(1 << 20, 2);
    const total = 256;
    const start = performance.now();
    for (let i = 1; i <= total; i++) {
      writeSync(file, big);
      if (i % 4 === 0) fdatasyncSync(file);
    }
    const seconds = (performance.now() - start) / 1000;
    times.sort((a, b) => a - b);
    return { fdatasyncP50Ms: times[times.length >> 1]!, rawWriteMiBps: total / seconds };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
