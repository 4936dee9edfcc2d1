import { TailraceError } from '../../contracts/errors.ts';
import type { NewRecord, Written } from '../../contracts/operations.ts';
import type { AnswerCommand, CommandContext } from '../command.ts';
import { counted } from '../format.ts';
import { CHANGE_DETAILS, call, INSTANCE_OPTIONS } from '../instance.ts';
import { numberOption, textOption, wordOf } from '../places.ts';

/** Of one request, which is written as a whole. */
const MAX_RECORDS = 1_000;
const MAX_CHARACTERS = 512 << 10;
/** More is no record of any topic. */
const MAX_LINE = 1_000_000;

export const topicsWrite: AnswerCommand = {
  kind: 'answer',
  name: 'topics write',
  summary: 'write records to a topic',
  arguments: 'TOPIC',
  details: `Writes one record with --value, or one per line of standard input: a value, with --separator a key before it, with
--objects an object as \`topics read --json\` shows them (key, value, headers, timestamp). Up to 1,000 lines become visible
at once; each is on disk when the command says so. ${CHANGE_DETAILS}`,
  options: {
    value: { type: 'string', value: 'TEXT', summary: 'the value of one record' },
    key: { type: 'string', value: 'TEXT', summary: 'the key of every record' },
    tombstone: { type: 'boolean', summary: 'one record without value, which deletes the key of a compacted topic' },
    separator: { type: 'string', value: 'TEXT', summary: 'what stands between the key and the value of a line' },
    objects: { type: 'boolean', summary: 'lines are JSON objects' },
    partition: { type: 'string', value: 'N', summary: 'the partition, instead of that of the key' },
    ...INSTANCE_OPTIONS,
  },
  maxWords: 1,
  async run(context) {
    const topic = wordOf(context, 'topics write', 'topic');
    const path = `/topics/${encodeURIComponent(topic)}/records`;
    const partition = numberOption(context, 'partition', 0);
    const written: Written[] = [];
    let count = 0;
    for await (const records of requests(context)) {
      const body = { records, ...(partition === undefined ? {} : { partition }) };
      try {
        written.push(...(await call<readonly Written[]>(context, { method: 'POST', path, body })));
      } catch (error) {
        throw count === 0 ? error : afterSome(error, count);
      }
      count += records.length;
    }
    const summary = `wrote ${counted(count, 'record')} to ${topic}`;
    return { exitCode: 0, summary, result: { topic, records: count, written }, text: () => `${summary}\n` };
  },
};

/** Nobody should have to find out how far it came. */
function afterSome(error: unknown, count: number): unknown {
  if (!(error instanceof TailraceError)) return error;
  const { code, message, remedy } = error;
  return new TailraceError(code, `after ${counted(count, 'record')} had been written: ${message}`, {
    ...(remedy === undefined ? {} : { remedy }),
    cause: error,
  });
}

async function* requests(context: CommandContext): AsyncGenerator<readonly NewRecord[], void, undefined> {
  const { options, io } = context;
  const value = textOption(context, 'value');
  const key = textOption(context, 'key') ?? null;
  if (options.tombstone === true || value !== undefined) {
    yield [{ key, value: options.tombstone === true ? null : value! }];
    return;
  }
  let records: NewRecord[] = [];
  let characters = 0;
  let line = 0;
  for await (const text of io.stdin.lines()) {
    line++;
    records.push(recordOf(context, key, text, line));
    characters += text.length;
    if (records.length < MAX_RECORDS && characters < MAX_CHARACTERS) continue;
    yield records;
    records = [];
    characters = 0;
  }
  if (records.length > 0) yield records;
}

function recordOf(context: CommandContext, key: string | null, text: string, line: number): NewRecord {
  if (text.length > MAX_LINE) {
    throw new TailraceError('cli.usage', `line ${line} of the input has more than ${MAX_LINE} characters`, {
      remedy: 'a record has at most about a megabyte: split it',
    });
  }
  const separator = textOption(context, 'separator');
  if (context.options.objects === true) return objectOf(text, line);
  if (separator === undefined) return { key, value: text };
  const at = text.indexOf(separator);
  if (at >= 0) return { key: text.slice(0, at), value: text.slice(at + separator.length) };
  throw new TailraceError('cli.usage', `line ${line} of the input has no separator`, {
    remedy: `write key${separator}value`,
  });
}

function objectOf(text: string, line: number): NewRecord {
  try {
    const { key = null, value = null, headers = [], timestamp } = JSON.parse(text) as NewRecord;
    return { key, value, headers, ...(timestamp === undefined ? {} : { timestamp }) };
  } catch {
    throw new TailraceError('cli.usage', `line ${line} of the input is not a JSON object`, {
      remedy: 'write {"key":"a","value":"b"}',
    });
  }
}
