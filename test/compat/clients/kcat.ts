/** kcat writes lines of text and reads any bytes; it prints headers only up to a zero byte, so they are not compared. */
import type { Message } from './lines.ts';
import { shown } from './lines.ts';
import { type Codec, type Program, run } from './programs.ts';

/** The messages as texts, which is what kcat can send. */
export function asTexts(messages: readonly Message[]): Message[] {
  return messages.map(([key, value]) => [Buffer.from(shown(key)), Buffer.from(shown(value)), Buffer.from('same')]);
}

export async function kcatWrite(
  { command }: Program,
  address: string,
  topic: string,
  codec: Codec,
  messages: readonly Message[],
): Promise<void> {
  const lines = messages.map(([key, value]) => `${key}:${value}\n`).join('');
  const words = ['-P', '-b', address, '-t', topic, '-z', codec, '-K', ':', '-H', 'h=same', '-X', 'acks=all'];
  await run([...command, ...words], {}, lines);
}

/** Messages by topic. */
export async function kcatRead(
  { command }: Program,
  address: string,
  count: number,
  topics: readonly string[],
): Promise<Map<string, Message[]>> {
  const options = [
    '-b',
    address,
    '-c',
    String(count),
    '-q',
    '-X',
    'auto.offset.reset=earliest',
    '-X',
    'check.crcs=true',
  ];
  const out = await run(
    [...command, ...options, '-f', '%t %K %S\n%k%s\n', '-G', `kcat-${topics[0]}`, ...topics],
    {},
    '',
  );
  const found = new Map<string, Message[]>(topics.map((topic) => [topic, []]));
  for (let at = 0; at < out.length; ) {
    const head = out.indexOf(10, at);
    const [topic = '', keyLength = '', valueLength = ''] = out.toString('latin1', at, head).split(' ');
    at = head + 1;
    const take = (length: number) => {
      if (length < 0) return null;
      at += length;
      return out.subarray(at - length, at);
    };
    const key = take(Number(keyLength));
    const value = take(Number(valueLength));
    found.get(topic)!.push([key, value, null]);
    at++;
  }
  return found;
}
