/** A rebuild as its checkpoint keeps it. Gone when it is over. */
import { createHash } from 'node:crypto';

export interface RebuildState {
  readonly v: 1;
  /** ms since 1970. */
  readonly startedMs: number;
  readonly verify: boolean;
  /** `fill`: the shadow is being filled, or compared. `swap`: it is taking the place of the old target, or has taken it. */
  readonly phase: 'fill' | 'swap';
}

/** Part of the names of what is built: the same over restarts, another for each sink. */
export function tagOf(pipeline: string, sink: string): string {
  return `tr${createHash('sha256').update(`${pipeline}/${sink}`).digest('hex').slice(0, 6)}`;
}

/** The sink that fills the shadow. No sink in a file can have this name. */
export const shadowName = (sink: string) => `${sink}.rebuild`;

export function readState(text: string | undefined): RebuildState | null {
  return text === undefined ? null : (JSON.parse(text) as RebuildState);
}
