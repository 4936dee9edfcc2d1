import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { CERTIFICATE, KEY } from '../../test/support/certificate.ts';
import { startListener } from '../../test/support/kafka-broker.ts';
import { WireClient } from '../../test/support/kafka-wire.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { MemoryLog } from '../../test/support/memory-log.ts';
import { fieldsOf, ScramClient } from '../../test/support/scram-client.ts';
import { apiVersions } from '../wire/messages/api-versions.ts';
import { KafkaError } from '../wire/messages/error-codes.ts';
import { metadata } from '../wire/messages/metadata.ts';
import { saslAuthenticate } from '../wire/messages/sasl-authenticate.ts';
import { saslHandshake } from '../wire/messages/sasl-handshake.ts';
import type { KafkaListener } from './index.ts';
import type { SecurityOptions } from './options.ts';

const all = { topics: null, includeTopicAuthorizedOperations: false };
const users = [
  { name: 'app', password: 'correct horse' },
  { name: 'a,b=c', password: 'x' },
];
const FAILED = KafkaError.SASL_AUTHENTICATION_FAILED;

describe('authentication', () => {
  let listener: KafkaListener;
  const clients: WireClient[] = [];
  const open = async (security: SecurityOptions = { users }, more: object = {}) => {
    listener = await startListener(new MemoryLog(), { security, ...more });
  };
  const newClient = async () => {
    const client = await WireClient.connect(listener.port);
    clients.push(client);
    return client;
  };
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await listener.close();
  });
  const handshake = (client: WireClient, mechanism: string, version = 1) =>
    client.ask(saslHandshake, version, { mechanism });
  const token = (client: WireClient, authBytes: Buffer, version = 2) =>
    client.ask(saslAuthenticate, version, { authBytes });
  const serves = async (client: WireClient) => expect((await client.ask(metadata, 4, all)).brokers).toHaveLength(1);

  test('before it, only what leads to it', async () => {
    await open();
    const client = await newClient();
    const { apiKeys } = await client.ask(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    expect(apiKeys.map(({ apiKey }) => apiKey)).toEqual(expect.arrayContaining([17, 36]));
    client.send(metadata, 4, all);
    await client.closed();
    const early = await newClient();
    expect((await token(early, Buffer.from('\0app\0correct horse'))).errorCode).toBe(KafkaError.ILLEGAL_SASL_STATE);
    early.raw(Buffer.from([0, 1, 0, 1]));
    await early.closed();
    expect(listener.counters.malformed).toBe(2);
  });

  test('PLAIN, in every version', async () => {
    await open();
    for (let version = 0; version <= saslAuthenticate.lastVersion; version++) {
      const client = await newClient();
      expect(await handshake(client, 'PLAIN')).toMatchObject({
        errorCode: 0,
        mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
      });
      expect((await token(client, Buffer.from('\0app\0correct horse'), version)).errorCode).toBe(0);
      await serves(client);
      // Nobody becomes somebody else later.
      expect((await handshake(client, 'PLAIN')).errorCode).toBe(KafkaError.ILLEGAL_SASL_STATE);
      expect((await token(client, Buffer.from('\0app\0correct horse'))).errorCode).toBe(KafkaError.ILLEGAL_SASL_STATE);
      await serves(client);
    }
  });

  test.each([
    ['a wrong password', '\0app\0wrong'],
    ['an empty password', '\0app\0'],
    ['an unknown user', '\0nobody\0correct horse'],
    ['an unknown user with an empty password', '\0nobody\0'],
    ['somebody else', 'admin\0app\0correct horse'],
    ['too much', '\0app\0correct horse\0'],
    ['too little', 'app'],
    ['nothing', ''],
  ])('PLAIN: %s fails, and the connection is closed', async (_name, message) => {
    await open();
    const client = await newClient();
    await handshake(client, 'PLAIN');
    const failed = await token(client, Buffer.from(message));
    expect(failed).toMatchObject({ errorCode: FAILED, errorMessage: 'authentication failed' });
    await client.closed();
  });

  test.each(['sha256', 'sha512'] as const)(
    'SCRAM with %s: both sides prove that they know the password',
    async (hash) => {
      await open();
      for (const { name, password } of users) {
        const client = await newClient();
        const scram = new ScramClient(hash, name, password);
        await handshake(client, hash === 'sha256' ? 'SCRAM-SHA-256' : 'SCRAM-SHA-512');
        const first = await token(client, scram.first());
        expect(Number(fieldsOf(first.authBytes).i)).toBeGreaterThanOrEqual(4_096);
        expect(fieldsOf(first.authBytes).r?.startsWith(scram.nonce)).toBe(true);
        const last = await token(client, scram.final(first.authBytes));
        expect(last.errorCode).toBe(0);
        expect(scram.trusts(last.authBytes)).toBe(true);
        await serves(client);
      }
    },
  );

  test('SCRAM: tampering with the exchange fails', async () => {
    await open();
    const attempt = async (change: (scram: ScramClient, first: Buffer) => Buffer, password = 'correct horse') => {
      const client = await newClient();
      const scram = new ScramClient('sha256', 'app', password);
      await handshake(client, 'SCRAM-SHA-256');
      const { authBytes } = await token(client, scram.first());
      const { errorCode } = await token(client, change(scram, authBytes));
      if (errorCode !== 0) await client.closed();
      return errorCode;
    };
    expect(await attempt((scram, first) => scram.final(first))).toBe(0);
    expect(await attempt((scram, first) => scram.final(first), 'wrong')).toBe(FAILED);
    const flipped = (proof: Buffer) => Buffer.from(proof.map((byte, at) => (at === 5 ? byte ^ 1 : byte)));
    expect(await attempt((scram, first) => scram.final(first, { proof: flipped }))).toBe(FAILED);
    expect(await attempt((scram, first) => scram.final(first, { proof: (proof) => proof.subarray(1) }))).toBe(FAILED);
    expect(await attempt((scram, first) => scram.final(first, { proof: () => Buffer.alloc(32) }))).toBe(FAILED);
    expect(await attempt((scram, first) => scram.final(first, { binding: 'eSws' }))).toBe(FAILED);
    expect(await attempt((scram, first) => scram.final(first, { nonce: scram.nonce }))).toBe(FAILED);
    expect(await attempt((scram) => scram.first())).toBe(FAILED);
    expect(await attempt(() => Buffer.from('c=biws'))).toBe(FAILED);
    // librdkafka repeats its own nonce.
    const repeated = (scram: ScramClient, first: Buffer) => ({ nonce: `${scram.nonce}${fieldsOf(first).r}` });
    expect(await attempt((scram, first) => scram.final(first, repeated(scram, first)))).toBe(0);
    // A proof of another exchange.
    let replayed: Buffer = Buffer.alloc(0);
    expect(await attempt((scram, first) => (replayed = scram.final(first)))).toBe(0);
    expect(await attempt(() => replayed)).toBe(FAILED);
  });

  test.each([
    '',
    'n,,',
    'y,,n=app,r=abc',
    'p=tls-unique,,n=app,r=abc',
    'n,,n=app,r=',
    'n,,n=a=b,r=abc',
    'n,a=x,n=app,r=abc',
  ])('SCRAM: a first message like "%s" fails', async (message) => {
    await open();
    const client = await newClient();
    await handshake(client, 'SCRAM-SHA-512');
    expect((await token(client, Buffer.from(message))).errorCode).toBe(FAILED);
  });

  test('SCRAM: a user that does not exist looks like one that does, each time the same', async () => {
    await open();
    const firsts = [];
    for (let i = 0; i < 2; i++) {
      const client = await newClient();
      const scram = new ScramClient('sha256', 'nobody', 'x');
      await handshake(client, 'SCRAM-SHA-256');
      const { authBytes, errorCode } = await token(client, scram.first());
      expect(errorCode).toBe(0);
      firsts.push(fieldsOf(authBytes));
      expect((await token(client, scram.final(authBytes))).errorCode).toBe(FAILED);
    }
    expect(firsts[0]!.s).toBe(firsts[1]!.s);
    expect(Buffer.from(firsts[0]!.s!, 'base64')).toHaveLength(24);
  });

  test('a mechanism that is not offered', async () => {
    await open();
    const client = await newClient();
    expect(await handshake(client, 'GSSAPI')).toMatchObject({
      errorCode: KafkaError.UNSUPPORTED_SASL_MECHANISM,
      mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    });
    await client.closed();
  });

  test('old clients send bare tokens', async () => {
    await open();
    const bare = (client: WireClient, message: Buffer) => {
      const size = Buffer.alloc(4);
      size.writeInt32BE(message.length);
      client.raw(Buffer.concat([size, message]));
    };
    const plain = await newClient();
    await handshake(plain, 'PLAIN', 0);
    bare(plain, Buffer.from('\0app\0correct horse'));
    expect(await plain.frame()).toHaveLength(0);
    await serves(plain);
    const scram = new ScramClient('sha256', 'app', 'correct horse');
    const client = await newClient();
    await handshake(client, 'SCRAM-SHA-256', 0);
    bare(client, scram.first());
    bare(client, scram.final(await client.frame()));
    expect(scram.trusts(await client.frame())).toBe(true);
    await serves(client);
    const wrong = await newClient();
    await handshake(wrong, 'PLAIN', 0);
    bare(wrong, Buffer.from('\0app\0wrong'));
    await wrong.closed();
    expect(wrong.received).toBe(0);
  });

  test('a client that is not authenticated: small frames, and not for ever', async () => {
    const clock = new ManualClock();
    await open({ users }, { clock });
    const large = await newClient();
    large.raw(Buffer.from([0, 1, 0, 1]));
    await large.closed();
    const silent = await newClient();
    await silent.ask(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    const known = await newClient();
    await handshake(known, 'PLAIN');
    await token(known, Buffer.from('\0app\0correct horse'));
    await clock.advance(70_000);
    await silent.closed();
    await serves(known);
    // Frames may be large now.
    known.send(metadata, 4, { ...all, topics: Array(2_000).fill({ name: 'x'.repeat(200), topicId: '0'.repeat(32) }) });
    expect((await known.answer(metadata, 4)).topics).toHaveLength(2_000);
  });

  test('without users nobody is asked', async () => {
    await open({});
    const client = await newClient();
    await serves(client);
    expect(await handshake(client, 'PLAIN')).toMatchObject({
      errorCode: KafkaError.ILLEGAL_SASL_STATE,
      mechanisms: [],
    });
  });

  test('other machines are let in only as users, and then send no password in the clear', async () => {
    listener = await startListener(new MemoryLog(), { listen: { host: '0.0.0.0', port: 0 }, security: { users } });
    const client = await newClient();
    expect((await handshake(client, 'PLAIN')).mechanisms).toEqual(['SCRAM-SHA-256', 'SCRAM-SHA-512']);
    await client.closed();
    await listener.close();
    const security = { users, tls: { key: KEY, cert: CERTIFICATE } };
    listener = await startListener(new MemoryLog(), { listen: { host: '0.0.0.0', port: 0 }, security });
  });

  test('TLS: clients that check the certificate are served; those that speak none, or too old a version, are not', async () => {
    await open({ tls: { key: KEY, cert: CERTIFICATE }, users });
    const plain = await newClient();
    plain.send(apiVersions, 0, { clientSoftwareName: '', clientSoftwareVersion: '' });
    await plain.closed();
    expect(plain.received).toBe(0);
    const secure = connectTls({ port: listener.port, host: '127.0.0.1', ca: CERTIFICATE });
    await once(secure, 'secureConnect');
    const client = WireClient.over(secure);
    await handshake(client, 'PLAIN');
    expect((await token(client, Buffer.from('\0app\0correct horse'))).errorCode).toBe(0);
    await serves(client);
    client.close();
    const old = connectTls({
      port: listener.port,
      host: '127.0.0.1',
      ca: CERTIFICATE,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    });
    const [error] = await once(old, 'error');
    expect(error).toBeInstanceOf(Error);
  });
});
