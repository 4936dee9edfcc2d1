/** `npm run bench [-- name…]`: runs the named benches, or all. */
const benches: Record<string, () => Promise<{ run(): Promise<void> }>> = {
  capture: () => import('./capture.ts'),
  'end-to-end': () => import('./end-to-end.ts'),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(benches, name));
if (unknown.length > 0) {
  process.stderr.write(`no bench "${unknown.join('", "')}"; there are: ${Object.keys(benches).join(', ')}\n`);
  process.exit(2);
}
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) await (await benches[name]!()).run();
