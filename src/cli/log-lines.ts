/** Log lines of a running instance: for people, for files, as JSON. Never row values or secrets (Invariant 12). */
import type { Logger, LogLevel } from '../contracts/plugin.ts';
import { printable } from '../lib/printable.ts';
import type { Output } from './io.ts';
import type { Colour, Style } from './style.ts';

type Fields = Readonly<Record<string, unknown>>;
/** Takes known secrets out of a text. */
type Redact = (text: string) => string;

const COLOURS: Readonly<Record<LogLevel, Colour>> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' };
/** Shown before the message. */
const LABELS = ['source', 'sink', 'pipeline'];

/** One JSON object a line: `time` (ISO 8601), `level`, `message`, and the fields. */
export function jsonLogger(output: Output, redact: Redact): Logger {
  return (level, message, fields = {}) => {
    const line = { time: new Date().toISOString(), level, message, ...withoutStackMessage(fields) };
    const text = JSON.stringify(line, (_, value: unknown) => {
      if (typeof value === 'bigint') return String(value);
      return typeof value === 'string' ? redact(value) : value;
    });
    output.write(`${text}\n`);
  };
}

/** One line each, with the whole time: for files. */
export function plainLogger(output: Output, redact: Redact): Logger {
  return (level, message, fields = {}) => output.write(redact(plainLine({ time: Date.now(), level, message, fields })));
}

/** For a terminal: the time of day, colours, what to do on a line of its own. */
export function terminalLogger(output: Output, redact: Redact, style: Style): Logger {
  return (level, message, fields = {}) =>
    output.write(redact(terminalLine({ time: Date.now(), level, message, fields }, style)));
}

interface Line {
  /** ms since 1970. */
  readonly time: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Fields;
}

export function plainLine({ time, level, message, fields }: Line): string {
  const { label, remedy, rest, places } = partsOf(fields);
  const next = remedy === null ? '' : ` -> ${printable(remedy)}`;
  const words = [new Date(time).toISOString(), level.padEnd(5), label, printable(message)];
  return `${words.filter((word) => word !== '').join('  ')}${rest}${next}\n${places}`;
}

export function terminalLine({ time, level, message, fields }: Line, { paint, signs }: Style): string {
  const { label, remedy, rest, places } = partsOf(fields);
  const next = remedy === null ? '' : `\n          ${signs.arrow} ${printable(remedy)}`;
  const words = [
    paint('dim', new Date(time).toLocaleTimeString('en-GB')),
    paint(COLOURS[level], level.padEnd(5)),
    ...(label === '' ? [] : [paint('bold', label)]),
    printable(message),
  ];
  return `${words.join('  ')}${paint('dim', rest)}${next}\n${places}`;
}

function partsOf(fields: Fields) {
  const { remedy, stack, ...others } = fields;
  const label = LABELS.flatMap((name) => (others[name] === undefined ? [] : [`${name} ${others[name]}`])).join(' ');
  const rest = Object.entries(others)
    .filter(([name, value]) => !LABELS.includes(name) && value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`);
  return {
    label: printable(label),
    remedy: typeof remedy === 'string' ? remedy : null,
    rest: rest.length === 0 ? '' : printable(`  (${rest.join(' ')})`),
    places: typeof stack === 'string' ? `${places(stack).map(printable).join('\n')}\n` : '',
  };
}

function withoutStackMessage(fields: Fields): Fields {
  return typeof fields.stack === 'string' ? { ...fields, stack: places(fields.stack) } : fields;
}

/** Where an unknown error was thrown. Its message may hold a row's values (Invariant 12). */
function places(stack: string): string[] {
  return stack.split('\n').filter((line) => /^\s+at /.test(line));
}
