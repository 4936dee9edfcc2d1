import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { TailraceError } from '../../src/sdk/index.ts';
import fc from '../../test/support/fast-check.ts';
import { MessageSocket, responseFields, type TakeMessage } from './message-socket.ts';

const ignore: TakeMessage = () => undefined;

function message(type: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([head, body]);
}

/** A socket that hands out what is written to it, piece by piece. */
const pipe = () => new PassThrough() as PassThrough & Socket;

/** Feeds the pieces, then the end of the line; resolves to what was taken and the error that it ended with. */
async function feed(pieces: readonly Uint8Array[], take?: TakeMessage): Promise<{ taken: string[]; error: unknown }> {
  const socket = pipe();
  const taken: string[] = [];
  const reader = new MessageSocket({
    socket,
    take: (type, buf, from, to) => {
      const pause = take?.(type, buf, from, to);
      if (pause?.again !== true) taken.push(String.fromCharCode(type) + buf.toString('latin1', from, to));
      return pause;
    },
    afterRead: () => undefined,
  });
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise(setImmediate);
  }
  socket.end();
  const error = await reader.done.then(
    () => null,
    (reason: unknown) => reason,
  );
  return { taken, error };
}

describe('message framing', () => {
  test('messages come whole and in order, however the bytes are cut', async () => {
    const body = fc.uint8Array({ maxLength: 40 });
    const messages = fc.array(fc.tuple(fc.constantFrom('d', 'Z', 'E', 'N'), body), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(messages, fc.array(fc.nat(400), { maxLength: 12 }), async (list, cuts) => {
        const bytes = Buffer.concat(list.map(([type, content]) => message(type, content)));
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const pieces = places.slice(1).map((place, i) => bytes.subarray(places[i], place));
        const { taken } = await feed(pieces.filter(({ length }) => length > 0));
        expect(taken).toEqual(list.map(([type, content]) => type + Buffer.from(content).toString('latin1')));
      }),
      { numRuns: 300 },
    );
  });

  test('a message that is to be given again comes again, whatever arrived meanwhile', async () => {
    const wanted = ['da', 'db', 'dc'];
    let asked = 0;
    const pieces = wanted.map((text) => message('d', Buffer.from(text.slice(1))));
    const { taken } = await feed(pieces, () => {
      asked++;
      return asked % 2 === 1 ? { until: new Promise(setImmediate), again: true } : undefined;
    });
    expect(taken).toEqual(wanted);
    expect(asked).toBe(6);
  });

  test.each([
    ['a length below its own bytes', [0x64, 0, 0, 0, 3]],
    ['a negative length', [0x64, 0xff, 0xff, 0xff, 0xff]],
    ['a length that PostgreSQL never sends', [0x64, 0x7f, 0xff, 0xff, 0xff]],
  ])('%s stops the source', async (_, bytes) => {
    const { error } = await feed([Uint8Array.from(bytes)]);
    expect(error).toBeInstanceOf(TailraceError);
    expect((error as TailraceError).code).toBe('source.unsupported');
  });

  test('nothing is allocated by a declared length', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const socket = pipe();
    new MessageSocket({ socket, take: ignore, afterRead: () => undefined });
    socket.write(Uint8Array.from([0x64, 0x3f, 0xff, 0xff, 0xff, 1, 2, 3]));
    await new Promise(setImmediate);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
    socket.destroy();
  });

  test('a large message in many pieces is copied a bounded number of times', async () => {
    const size = 64 << 20;
    const piece = Buffer.alloc(32 << 10);
    const head = Buffer.from([0x64, 0, 0, 0, 0]);
    head.writeInt32BE(4 + size, 1);
    const socket = pipe();
    const lengths: number[] = [];
    const take: TakeMessage = (_, __, from, to) => void lengths.push(to - from);
    const reader = new MessageSocket({ socket, take, afterRead: () => undefined });
    const started = performance.now();
    socket.write(head);
    for (let sent = 0; sent < size; sent += piece.length) {
      if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve));
    }
    socket.end();
    await reader.done.catch(() => {});
    expect(lengths).toEqual([size]);
    // Copying the beginning again for each piece would move 64 GiB.
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('a line that ends inside a message is an error', async () => {
    const { taken, error } = await feed([
      message('d', Buffer.from('whole')),
      message('d', Buffer.from('cut')).subarray(0, 7),
    ]);
    expect(taken).toEqual(['dwhole']);
    expect(error).toMatchObject({ code: 'ECONNRESET' });
  });
});

test('fields of an error response: any bytes give texts', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const { code, message: text } = responseFields(Buffer.from(bytes), 0, bytes.length);
      expect(typeof code + typeof text).toBe('stringstring');
    }),
  );
  const fields = Buffer.from('SFEHLER\0VERROR\0C42704\0Mslot "x" does not exist\0\0');
  expect(responseFields(fields, 0, fields.length)).toEqual({
    severity: 'ERROR',
    code: '42704',
    message: 'slot "x" does not exist',
  });
});
