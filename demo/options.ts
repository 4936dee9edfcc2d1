import { parseArgs } from 'node:util';
import { TailraceError } from '../src/contracts/errors.ts';

export const HELP = `Usage: tailrace demo [options]

Runs a shop on a real PostgreSQL with a load generator, and Tailrace carrying it into other stores.

  --full              with a real Redis and a real Elasticsearch (Java 17 and Maven)
  --seconds N         ends by itself after N seconds
  --rate N            transactions per second of the shop (default 60)
  --data-dir DIR      where the demo keeps its data between starts (default ./data/demo)
  --verify            unattended: kills Tailrace again and again, then compares every store with the shop
  --seed N            of the random numbers of --verify (default: a new one, printed)
  --sabotage drop-one with --verify: plants a loss, which must be found
`;

export interface DemoOptions {
  readonly help: boolean;
  readonly full: boolean;
  readonly verify: boolean;
  readonly sabotage: 'drop-one' | null;
  readonly seed: number;
  readonly seconds: number | null;
  readonly rate: number | null;
  readonly dataDir: string | null;
}

/** Throws `cli.usage`. */
export function demoOptions(args: readonly string[]): DemoOptions {
  const values = parsed(args);
  const { sabotage } = values;
  if (sabotage !== undefined && (sabotage !== 'drop-one' || values.verify !== true)) {
    throw usage('--sabotage goes with --verify and knows only "drop-one"');
  }
  return {
    help: values.help === true,
    full: values.full === true,
    verify: values.verify === true,
    sabotage: sabotage === undefined ? null : 'drop-one',
    seed: numberOf('--seed', values.seed) ?? Math.floor(Math.random() * 2 ** 31),
    seconds: numberOf('--seconds', values.seconds),
    rate: numberOf('--rate', values.rate),
    dataDir: values['data-dir'] ?? null,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        full: { type: 'boolean' },
        verify: { type: 'boolean' },
        sabotage: { type: 'string' },
        seed: { type: 'string' },
        seconds: { type: 'string' },
        rate: { type: 'string' },
        'data-dir': { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw usage(error instanceof Error ? error.message : String(error));
  }
}

function numberOf(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === '') throw usage(`${name} needs a whole number`);
  return value;
}

function usage(message: string): TailraceError {
  return new TailraceError('cli.usage', message, { remedy: 'tailrace demo --help' });
}
