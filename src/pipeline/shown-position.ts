/** A source's position as the status shows it. */
import type { Position } from '../contracts/source.ts';

/** Invariant 12: what stands under `private` may hold keys of rows. */
export function shownPosition(position: Position | null): Position | null {
  if (position === null) return null;
  const { private: _, ...shown } = position;
  return shown;
}
