/** Events that are not known, or say that something is not in the log. */
import { EventType, IGNORABLE } from './binlog-event.ts';
import { unsupported } from './source-errors.ts';

/** Invariant 5: stops the source, unless the event says of itself that it can be left out. */
export function unreadable(type: number, flags: number): undefined {
  if ((flags & IGNORABLE) !== 0) return undefined;
  const found = UNREADABLE[type];
  const message = found?.[0] ?? `an event of the unknown type ${type}`;
  throw unsupported(`the binary log has ${message}`, found?.[1] ?? 'this server may need a newer Tailrace');
}

const LOAD_DATA = [
  'a LOAD DATA as statement',
  'SET GLOBAL binlog_format = ROW; then set `on_gap: resnapshot` on the source',
] as const;

const UNREADABLE: Readonly<Record<number, readonly [what: string, remedy: string]>> = {
  [EventType.INCIDENT]: [
    'an incident: the server could not write a change',
    'look into the server log; then set `on_gap: resnapshot` on the source',
  ],
  [EventType.BEGIN_LOAD_QUERY]: LOAD_DATA,
  [EventType.EXECUTE_LOAD_QUERY]: LOAD_DATA,
};
