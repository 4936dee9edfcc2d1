/** Keeps the last lines of an instance's log for who asks later. Bounded (Invariant 10). */
import type { LogLine, LogLines, WantedLines } from '../contracts/log-lines.ts';
import type { Logger, LogLevel } from '../contracts/plugin.ts';

const MAX_LINES = 2_000;
/** Of all lines together, and of a message or field, in UTF-16 code units. */
const MAX_TOTAL = 2_000_000;
const MAX_TEXT = 2_000;
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

type Fields = Readonly<Record<string, unknown>>;

export class LogBuffer implements LogLines {
  readonly #lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #now: () => number;
  /** Number of the first line that is kept, counted from the start of the process. */
  #first = 0;
  #total = 0;

  /** @param now ms since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Hands each line on, and keeps it. @param redact takes secrets out of a text (Invariant 12) */
  keeping(log: Logger, redact: (text: string) => string): Logger {
    return (level, message, fields = {}) => {
      log(level, message, fields);
      if (level === 'debug') return;
      const shown = (text: string) => redact(text).slice(0, MAX_TEXT);
      this.#keep({ time: this.#now(), level, message: shown(message), fields: fieldTexts(fields, shown) });
    };
  }

  async *read({ about, level, follow }: WantedLines, signal: AbortSignal): AsyncGenerator<readonly LogLine[]> {
    const least = LEVELS.indexOf(level);
    const isWanted = (line: LogLine) =>
      LEVELS.indexOf(line.level) >= least && (about === null || isAbout(line.fields, about));
    let next = this.#first;
    while (!signal.aborted) {
      const missed = this.#first - next;
      const fresh = this.#lines.slice(Math.max(0, -missed));
      next = this.#first + this.#lines.length;
      const wanted = fresh.filter(isWanted);
      if (missed > 0) wanted.unshift(this.#missing(missed));
      if (wanted.length > 0) yield wanted;
      if (!follow) return;
      if (next === this.#first + this.#lines.length) await this.#more(signal);
    }
  }

  #keep(line: LogLine): void {
    this.#lines.push(line);
    this.#total += sizeOf(line);
    while (this.#lines.length > MAX_LINES || this.#total > MAX_TOTAL) {
      this.#total -= sizeOf(this.#lines.shift()!);
      this.#first++;
    }
    for (const wake of this.#waiting) wake();
  }

  #missing(count: number): LogLine {
    const fields = { lines: String(count) };
    return { time: this.#now(), level: 'warn', message: 'lines came faster than they were taken', fields };
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

function fieldTexts(fields: Fields, shown: (text: string) => string): LogLine['fields'] {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(
    known.map(([name, value]) => [name, shown(name === 'stack' ? places(value) : textOf(value))]),
  );
}

/** Of a stack the places alone: its first line may hold a row's values (Invariant 12). */
function places(stack: unknown): string {
  const lines = String(stack).split('\n');
  return lines.filter((line) => /^\s+at /.test(line)).join('\n');
}

function textOf(value: unknown): string {
  if (typeof value !== 'object') return String(value);
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one));
}

function sizeOf({ message, fields }: LogLine): number {
  return Object.entries(fields).reduce((sum, [name, value]) => sum + name.length + value.length, message.length);
}

/** Sources are named alone: their names are unique in an instance. Sinks are `pipeline/sink`. */
function isAbout(fields: LogLine['fields'], { pipeline, sources }: NonNullable<WantedLines['about']>): boolean {
  if (fields.pipeline === pipeline || fields.sink?.startsWith(`${pipeline}/`) === true) return true;
  return fields.source !== undefined && sources.includes(fields.source);
}
