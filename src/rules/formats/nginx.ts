/** The access log of nginx in its format `combined`, which is Apache's too. */
import type { Reader } from './format.ts';

export const NGINX_FIELDS = {
  remote_addr: 'text',
  remote_user: 'text',
  time: 'timestamptz',
  method: 'text',
  path: 'text',
  protocol: 'text',
  status: 'integer',
  bytes: 'bigint',
  referer: 'text',
  user_agent: 'text',
} as const;

const QUOTED = String.raw`"([^"\\]*(?:\\.[^"\\]*)*)"`;
const LINE = new RegExp(
  String.raw`^(\S+) \S+ (\S+) \[([^\]]+)\] ${QUOTED} (\d{3}) (\d+|-)(?: ${QUOTED} ${QUOTED})?\s*$`,
);
const TIME = /^(\d{2})\/([A-Z][a-z]{2})\/(\d{4}):(\d{2}:\d{2}:\d{2}) ([+-]\d{4})$/;
const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** Absent fields are written as `-`. A request that is no HTTP is wholly in `path`. */
export const readNginx: Reader = (text) => {
  const match = LINE.exec(text);
  if (match === null) return null;
  const [, address, user, time, request, status, bytes, referer, agent] = match;
  const moment = isoTime(time!);
  if (moment === null) return null;
  const [, method, path, protocol] = /^([A-Z]+) (\S+) (HTTP\/\S+)$/.exec(request!) ?? [];
  return [
    address!,
    present(user),
    moment,
    method ?? null,
    path ?? present(request),
    protocol ?? null,
    status!,
    present(bytes),
    present(referer),
    present(agent),
  ];
};

const present = (text: string | undefined) => (text === undefined || text === '-' || text === '' ? null : text);

function isoTime(text: string): string | null {
  const [, day, month, year, clock, zone] = TIME.exec(text) ?? [];
  const at = month === undefined ? -1 : MONTHS.indexOf(month);
  return at < 0 || at % 3 !== 0 ? null : `${year}-${String(at / 3 + 1).padStart(2, '0')}-${day} ${clock}${zone}`;
}
