/** kcat (librdkafka): one client for all brokers, which is not itself the limit. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { promisify } from 'node:util';
import { findKcat } from '../../demo/servers/kcat.ts';

const execute = promisify(execFile);

export interface Load {
  readonly file: string;
  readonly records: number;
  readonly partitions: number;
  /** Most bytes in one record batch. */
  readonly batchBytes: number;
  readonly batchRecords: number;
}

/** Lines of `bytes` characters, one record each. */
export async function writeRecords(path: string, records: number, bytes: number): Promise<void> {
  const out = createWriteStream(path);
  const letters = Array.from({ length: bytes * 64 }, (_, i) => String.fromCharCode(97 + ((i * 7919) % 26))).join('');
  for (let i = 0; i < records; ) {
    const lines: string[] = [];
    for (const end = Math.min(records, i + 1_000); i < end; i++) {
      const at = (i * 7919) % (bytes * 63);
      lines.push(`${String(i).padStart(10, '0')}${letters.slice(at, at + bytes - 10)}\n`);
    }
    if (!out.write(lines.join(''))) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

/** Seconds until all records are acknowledged with acks=all. Without an address: into librdkafka's own mock, in memory. */
export async function produce(address: string | null, topic: string, load: Load): Promise<number> {
  const { file, partitions, batchBytes, batchRecords } = load;
  const sizes = [`batch.size=${batchBytes}`, `batch.num.messages=${batchRecords}`];
  const settings = ['acks=all', ...sizes, 'sticky.partitioning.linger.ms=0'];
  if (address === null) settings.push('test.mock.num.brokers=1');
  const words = ['-P', '-b', address ?? 'mock:1', '-t', topic, ...settings.flatMap((setting) => ['-X', setting])];
  if (partitions === 1) words.push('-p', '0');
  return timed([...words, '-l', file]);
}

/** Seconds to read so many records of partition 0 from its start. */
export function consume(address: string, topic: string, records: number): Promise<number> {
  return timed(['-C', '-b', address, '-t', topic, '-p', '0', '-o', 'beginning', '-c', String(records), '-q', '-f', '']);
}

async function timed(words: readonly string[]): Promise<number> {
  const program = await findKcat();
  const started = performance.now();
  await execute(program, words, { maxBuffer: 1 << 26 });
  return (performance.now() - started) / 1000;
}
