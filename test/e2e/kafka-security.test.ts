/** The log alone, for Kafka clients over TLS that must say who they are, with Tailrace as its own process. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../demo/servers/free-port.ts';
import { CERTIFICATE, KEY } from '../support/certificate.ts';
import { Project, until } from '../support/project.ts';

const PASSWORDS = { WRITER_PASSWORD: 'written-by-hand', READER_PASSWORD: 'read, "quoted" & =2C', OPS_PASSWORD: 'all' };

const settings = (port: number) => `kafka:
  listen: 127.0.0.1:${port}
  advertise: localhost:${port}
  tls: { certificate: server.pem, key: server.key }
  users:
    writer: { password: "\${WRITER_PASSWORD}" }
    reader: { password: "\${READER_PASSWORD}" }
    ops: { password: "\${OPS_PASSWORD}", super: true }
  acls:
    - { user: writer, topic: orders, allow: [write, create] }
    - { user: reader, topic: "ord*", allow: read }
    - { user: reader, group: billing, allow: read }
`;

interface Credentials {
  readonly mechanism: SASLOptions['mechanism'];
  readonly username: string;
  readonly password: string;
}

async function started() {
  const port = await freePort();
  const project = await Project.alone(settings(port), PASSWORDS);
  writeFileSync(join(project.dir, 'server.pem'), CERTIFICATE);
  writeFileSync(join(project.dir, 'server.key'), KEY, { mode: 0o600 });
  const running = project.start();
  await until('it runs', async () => (await running.status()) !== null, running);
  const client = (sasl: Credentials | undefined, ssl: KafkaConfig['ssl'] = { ca: [CERTIFICATE] }) =>
    new Kafka({
      brokers: [`localhost:${port}`],
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
      ...(sasl === undefined ? {} : { sasl: sasl as SASLOptions }),
      ...(ssl === undefined ? {} : { ssl }),
    });
  return { project, running, client };
}

async function send(kafka: Kafka, topic: string): Promise<unknown> {
  const producer = kafka.producer({ retry: { retries: 1 } });
  try {
    await producer.connect();
    return await producer.send({ topic, messages: [{ key: 'k', value: 'v' }] });
  } finally {
    await producer.disconnect();
  }
}

test('kafkajs over TLS: right and wrong passwords, rules, and what needs no rule', async () => {
  const { running, client } = await started();
  const writer = { username: 'writer', password: PASSWORDS.WRITER_PASSWORD };
  const reader = { username: 'reader', password: PASSWORDS.READER_PASSWORD };

  for (const mechanism of ['scram-sha-256', 'scram-sha-512', 'plain'] as const) {
    expect(await send(client({ ...writer, mechanism }), 'orders')).toMatchObject([{ errorCode: 0 }]);
    const wrong = send(client({ ...writer, password: 'wrong', mechanism }), 'orders');
    await expect(wrong, mechanism).rejects.toMatchObject({ name: 'KafkaJSSASLAuthenticationError' });
  }
  const scram = { mechanism: 'scram-sha-256' } as const;
  await expect(send(client({ ...scram, username: 'nobody', password: 'x' }), 'orders')).rejects.toThrow();
  await expect(send(client(undefined), 'orders')).rejects.toThrow();
  await expect(send(client({ ...scram, ...writer }, false), 'orders')).rejects.toThrow();

  await expect(send(client({ ...scram, ...reader }), 'orders')).rejects.toThrow(/authorized/i);
  await expect(send(client({ ...scram, ...writer }), 'invoices')).rejects.toThrow(/authorized/i);
  const ops = { username: 'ops', password: PASSWORDS.OPS_PASSWORD };
  expect(await send(client({ ...scram, ...ops }), 'invoices')).toMatchObject([{ errorCode: 0 }]);

  expect(await readOne(client({ ...scram, ...reader }), 'billing')).toBe('v');
  await expect(readOne(client({ ...scram, ...reader }), 'shipping')).rejects.toThrow(/group coordinator/i);
  expect((await running.stop()).code).toBe(0);
  const shown = running.lastLines.join('\n');
  for (const password of [PASSWORDS.WRITER_PASSWORD, PASSWORDS.READER_PASSWORD, KEY.split('\n')[1]!]) {
    expect(shown).not.toContain(password);
  }
});

async function readOne(kafka: Kafka, groupId: string): Promise<string> {
  const consumer = kafka.consumer({ groupId, retry: { retries: 0 } });
  onTestFinished(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  return new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.run({ eachMessage: async ({ message }) => resolve(String(message.value)) }).catch(reject);
  });
}

test('an address that others can reach is refused without users, before anything is opened', async () => {
  const project = await Project.alone('kafka:\n  listen: 0.0.0.0:19092\n  advertise: localhost:19092\n');
  const { code, stderr } = await project.run(['run']);
  expect(code).toBe(2);
  expect(stderr).toContain('tailrace.yaml:4:11  error  no-authentication');
  expect(existsSync(join(project.dir, 'data'))).toBe(false);
});

test('without a pipeline and without a listener there is nothing to run', async () => {
  const project = await Project.alone('');
  const { code, stderr } = await project.run(['run']);
  expect(code).toBe(2);
  expect(stderr).toContain('config.not_found');
  expect(stderr).toContain('kafka.listen');
});
