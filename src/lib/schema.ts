/** Field types of configuration beyond what zod has: durations, sizes and secrets. */
import { z } from 'zod';

const DURATION_MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_BYTES: Record<string, number> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

function withUnit(text: string, units: Record<string, number>): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text);
  const factor = match?.[2] === undefined ? undefined : Object.hasOwn(units, match[2]) ? units[match[2]] : undefined;
  return match === null || factor === undefined ? undefined : Math.round(Number(match[1]) * factor);
}

function unitField(units: Record<string, number>, example: string) {
  return z.string().transform((text, context) => {
    const value = withUnit(text, units);
    if (value !== undefined) return value;
    context.addIssue({
      code: 'custom',
      message: `needs a number and a unit (${Object.keys(units).join(', ')}), e.g. ${example}`,
    });
    return z.NEVER;
  });
}

/** `500ms`, `30s`, `5m`, `1d` → milliseconds. */
export const durationMs = () => unitField(DURATION_MS, '5m');

/** `64MB`, `1GB` (powers of 1024) → bytes. */
export const sizeBytes = () => unitField(SIZE_BYTES, '64MB');

/** A string whose value never reaches logs, errors or the API (Invariant 12). */
export const secret = () => z.string().meta({ secret: true });
