/** `npm run bench [-- name… [row…]]`: runs the named benches, or all; a bench with rows all of them, or those named after it. */
interface Bench {
  /** Names of parts that can be run by themselves. */
  readonly rows?: readonly string[];
  run(rows: readonly string[]): Promise<void>;
}

const benches: Record<string, () => Promise<Bench>> = {
  capture: () => import('./capture.ts'),
  'capture-mysql': () => import('./capture-mysql.ts'),
  cli: () => import('./cli.ts'),
  'end-to-end': () => import('./end-to-end.ts'),
  log: () => import('./log.ts'),
  rules: () => import('./rules.ts'),
  sinks: () => import('./sinks.ts'),
};

interface Wanted {
  readonly bench: string;
  readonly rows: string[];
}

const words = process.argv.slice(2);
const wanted: Wanted[] = words.length > 0 ? [] : Object.keys(benches).map((bench) => ({ bench, rows: [] }));
for (const word of words) {
  if (Object.hasOwn(benches, word)) wanted.push({ bench: word, rows: [] });
  else if (wanted.length > 0) wanted.at(-1)!.rows.push(word);
  else refuse(`no bench "${word}"; there are: ${Object.keys(benches).join(', ')}`);
}
for (const { bench, rows: named } of wanted) {
  const { rows = [], run } = await benches[bench]!();
  const unknown = named.filter((name) => !rows.includes(name));
  if (unknown.length > 0) refuse(`${bench} has no row "${unknown.join('", "')}"; there are: ${rows.join(', ')}`);
  await run(named.length > 0 ? named : rows);
}

function refuse(problem: string): never {
  process.stderr.write(`${problem}\n`);
  process.exit(2);
}
