import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTopic, usage, withBrokers } from './log/brokers.ts';
import { produce, writeRecords } from './log/kcat.ts';
import { PRODUCE_ROWS } from './log/produce.ts';

const row = PRODUCE_ROWS.find((r) => r.name === process.argv[2])!;
const dir = await mkdtemp(join(tmpdir(), 'mem-'));
const load = { ...row, file: join(dir, 'records') };
await writeRecords(load.file, row.records, row.bytes);
await withBrokers(['Tailrace'], async (brokers) => {
  const broker = brokers.get('Tailrace')!;
  console.log('idle', usage(broker));
  const perf = spawn('perf', ['record', '-F', '2000', '-g', '-p', String(broker.pid), '-o', '/tmp/perf.data'], {
    stdio: 'ignore',
  });
  process.on('exit', () => perf.kill('SIGINT'));
  for (let i = 0; i < 4; i++) {
    await createTopic(broker, `t${i}`, row.partitions);
    const s = await produce(broker.address, `t${i}`, load);
    console.log(i, Math.round(row.records / s / 1000), usage(broker));
  }
});
process.exit(0);
await rm(dir, { recursive: true });
