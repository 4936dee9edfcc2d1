/** A message of syslog, of RFC 5424 or as RFC 3164 describes the older ones. */
import type { Reader } from './format.ts';

export const SYSLOG_FIELDS = {
  facility: 'integer',
  severity: 'integer',
  time: 'text',
  host: 'text',
  app: 'text',
  process: 'text',
  message_id: 'text',
  data: 'text',
  message: 'text',
} as const;

const QUOTED = String.raw`"[^"\\]*(?:\\.[^"\\]*)*"`;
const DATA = String.raw`(-|(?:\[[^\]"\\]*(?:(?:\\.|${QUOTED})[^\]"\\]*)*\])+)`;
const NEW = new RegExp(String.raw`^<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) ${DATA}(?: ([\s\S]*))?$`);
const OLD =
  /^<(\d{1,3})>([A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}) (\S+) (?:([^\s:[]{1,48})(?:\[([^\]]*)\])?: ?)?([\s\S]*)$/;
const HIGHEST = 191;

/** The time stays text: the older form has no year. */
export const readSyslog: Reader = (text) => {
  const message = NEW.exec(text);
  if (message !== null) {
    const [, priority, time, host, app, process, id, data, body] = message;
    return fields(priority!, [time, host, app, process, id, data, body?.replace(/^\ufeff/, '')]);
  }
  const old = OLD.exec(text);
  if (old === null) return null;
  const [, priority, time, host, app, process, body] = old;
  return fields(priority!, [time, host, app, process, undefined, undefined, body]);
};

function fields(priority: string, rest: readonly (string | undefined)[]): readonly (string | null)[] | null {
  const value = Number(priority);
  if (value > HIGHEST) return null;
  const texts = rest.map((text) => (text === undefined || text === '-' ? null : text));
  return [String(Math.floor(value / 8)), String(value % 8), ...texts];
}
