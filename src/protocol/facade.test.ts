/** A cluster that is not there, for test suites that need one: what its clients see, and that all of it is one log. */

import { pbkdf2Sync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CERTIFICATE, KEY } from '../../test/support/certificate.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { readKafkaFacade } from '../config/kafka-facade.ts';
import { systemClock } from '../lib/clock.ts';
import { alterUserScramCredentials } from '../wire/messages/alter-user-scram-credentials.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { startKafkaFacade } from './facade.ts';
import type { Served } from './serve.ts';

const dir = mkdtempSync(join(tmpdir(), 'tailrace-facade-'));
const FILE = join(dir, 'facade.json');
const FACADE = {
  nodes: [0, 1, 2],
  replicationFactor: 2,
  defaultPartitions: 4,
  entrances: [
    { ports: [0, 0, 0] },
    {
      ports: [0, 0, 0],
      tls: { key: 'key.pem', certificate: 'certificate.pem' },
      users: [
        { name: 'ann', password: 'for-256', mechanism: 'SCRAM-SHA-256' },
        { name: 'ann', password: 'for-512', mechanism: 'SCRAM-SHA-512' },
      ],
    },
  ],
  acls: { superUsers: [], allowUnlisted: true },
};

const read = (facade: unknown) => {
  writeFileSync(FILE, JSON.stringify(facade));
  return readKafkaFacade({ TAILRACE_KAFKA_FACADE: FILE });
};

describe('the facade', () => {
  let served: Served;
  beforeAll(async () => {
    writeFileSync(join(dir, 'key.pem'), KEY);
    writeFileSync(join(dir, 'certificate.pem'), CERTIFICATE);
    const topics = { autoCreate: true, defaultPartitions: 1, mayProduce: () => true };
    const options = { log: new MemoryLog(), clock: systemClock, logger: () => {}, topics };
    served = await startKafkaFacade(options, read(FACADE)!);
  });
  afterAll(async () => {
    await served.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const client = (entrance: 0 | 1, node: number, settings: object = {}) => {
    const { host, port } = served.endpoints[entrance * 3 + node]!;
    const kafka = new Kafka({
      brokers: [`${host}:${port}`],
      logLevel: logLevel.NOTHING,
      retry: { retries: 0 },
      ...settings,
    });
    return kafka;
  };

  test('three brokers, each of which leads some of the partitions, over one log', async () => {
    const admin = client(0, 2).admin();
    await admin.connect();
    const { brokers, controller } = await admin.describeCluster();
    expect(brokers.map(({ nodeId, port }) => [nodeId, port])).toEqual([
      [0, served.endpoints[0]!.port],
      [1, served.endpoints[1]!.port],
      [2, served.endpoints[2]!.port],
    ]);
    expect(controller).toBe(0);
    await admin.createTopics({ topics: [{ topic: 't', replicationFactor: 3 }] });
    const four = admin.createTopics({ topics: [{ topic: 'u', replicationFactor: 4 }] });
    await expect(four).rejects.toMatchObject({ errors: [{ type: 'INVALID_REPLICATION_FACTOR' }] });
    const [topic] = (await admin.fetchTopicMetadata({ topics: ['t'] })).topics;
    expect(topic!.partitions).toHaveLength(4);
    expect(new Set(topic!.partitions.map(({ leader }) => leader)).size).toBe(3);
    for (const { leader, replicas } of topic!.partitions) {
      expect(replicas[0]).toBe(leader);
      expect(new Set(replicas).size).toBe(2);
    }
    const producer = client(0, 0).producer();
    await producer.connect();
    const messages = [0, 1, 2, 3].map((partition) => ({ value: 'v', partition }));
    expect(await producer.send({ topic: 't', messages })).toHaveLength(4);
    await producer.disconnect();
    expect((await admin.fetchTopicOffsets('t')).map(({ offset }) => offset)).toEqual(['1', '1', '1', '1']);
    await admin.disconnect();
  });

  test('each entrance tells its own addresses, and a password is for its mechanism', async () => {
    const sasl = (mechanism: 'scram-sha-256' | 'scram-sha-512', password: string) => {
      const ssl = { rejectUnauthorized: false };
      return client(1, 0, { ssl, sasl: { mechanism, username: 'ann', password } }).admin();
    };
    const admin = sasl('scram-sha-512', 'for-512');
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    expect(brokers.map(({ port }) => port)).toEqual(served.endpoints.slice(3).map(({ port }) => port));
    await admin.disconnect();
    await expect(sasl('scram-sha-256', 'for-512').connect()).rejects.toThrow();
    const other = sasl('scram-sha-256', 'for-256');
    await other.connect();
    await other.disconnect();
  });

  test('clients may set SCRAM credentials, and take them away', async () => {
    const wire = await WireClient.connect(served.endpoints[0]!.port);
    const [salt, iterations, name] = [Buffer.from('salt'), 4_096, 'bob'];
    const saltedPassword = pbkdf2Sync('secret', salt, iterations, 32, 'sha256');
    const alter = async (change: object) => {
      const request = { deletions: [], upsertions: [], ...change };
      return (await wire.ask(alterUserScramCredentials, 0, request)).results.map(({ errorCode }) => errorCode);
    };
    const login = async () => {
      const sasl = { mechanism: 'scram-sha-256', username: name, password: 'secret' } as const;
      const admin = client(1, 0, { ssl: { rejectUnauthorized: false }, sasl }).admin();
      await admin.connect();
      await admin.disconnect();
    };
    const good = { name, mechanism: 1, iterations, salt, saltedPassword };
    await expect(login()).rejects.toThrow();
    expect(await alter({ upsertions: [good] })).toEqual([KafkaError.NONE]);
    await login();
    const bad = [
      { ...good, iterations: 10 },
      { ...good, mechanism: 3 },
      { ...good, name: '' },
    ];
    expect(await alter({ upsertions: bad })).toEqual([
      KafkaError.UNACCEPTABLE_CREDENTIAL,
      KafkaError.UNSUPPORTED_SASL_MECHANISM,
      KafkaError.UNACCEPTABLE_CREDENTIAL,
    ]);
    const deletion = { name, mechanism: 1 };
    expect(await alter({ deletions: [deletion, deletion] })).toEqual([KafkaError.NONE, KafkaError.RESOURCE_NOT_FOUND]);
    await expect(login()).rejects.toThrow();
    wire.close();
  });

  test('is switched on by the environment alone, and says what is wrong in its file', () => {
    const invalid = (message: string) =>
      expect.objectContaining({ code: 'config.invalid', message: expect.stringContaining(message) });
    expect(readKafkaFacade({})).toBeNull();
    expect(() => read({ ...FACADE, nodes: [0, 1] })).toThrow(invalid('one port for each node'));
    expect(() => read({ ...FACADE, replicationFactor: 4 })).toThrow(invalid('more replicas than nodes'));
    expect(() => read({ ...FACADE, host: '0.0.0.0' })).toThrow(invalid('host'));
    writeFileSync(FILE, '{');
    expect(() => readKafkaFacade({ TAILRACE_KAFKA_FACADE: FILE })).toThrow(invalid('cannot be read'));
  });
});
