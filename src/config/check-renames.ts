/** `renamed_from` that names what is still there, or what two things were called. */
import { quoted } from '../lib/printable.ts';
import type { ConfigFile } from './config-file.ts';
import type { ReadPipeline } from './cross-checks.ts';
import type { Path } from './tree.ts';

interface Renamed {
  readonly word: string;
  readonly name: string;
  readonly renamedFrom?: string;
  readonly file: ConfigFile;
  /** Of the pipeline, source or sink. */
  readonly path: Path;
}

/** Names of sources and of pipelines are unique in an instance, those of sinks in their pipeline. */
export function checkRenames(pipelines: readonly ReadPipeline[]): void {
  const told = new Set<string>();
  const tell: Report = (one, message, fix) => report(one, message, fix, told);
  judge(
    pipelines.map(({ file, plan }) => ({ ...plan, word: 'pipeline', file, path: [] })),
    tell,
  );
  judge(
    pipelines.flatMap(({ file, plan }) =>
      plan.sources.map((source) => {
        // A source that is called as its pipeline has the line there.
        const isPipelines = source.renamedFrom === plan.renamedFrom && source.name === plan.name;
        return { ...source, word: 'source', file, path: isPipelines ? [] : source.path };
      }),
    ),
    tell,
  );
  for (const { file, plan } of pipelines)
    judge(
      plan.sinks.map((sink) => ({ ...sink, word: 'sink', file })),
      tell,
    );
}

type Report = (one: Renamed, message: string, fix: string) => void;

function judge(all: readonly Renamed[], tell: Report): void {
  const first = new Map<string, Renamed>();
  for (const one of all) {
    const { renamedFrom, word, name } = one;
    if (renamedFrom === undefined) continue;
    const there = all.find((other) => other.name === renamedFrom);
    if (there === one)
      tell(one, `the ${word} is called ${quoted(name)} still`, 'name what it was called before, or remove the line');
    else if (there !== undefined)
      tell(one, `there is a ${word} ${quoted(renamedFrom)} still: two cannot go on from one state`, 'remove the line');
    const other = first.get(renamedFrom);
    if (other !== undefined)
      tell(one, `${quoted(other.name)} was renamed from ${quoted(renamedFrom)} too`, 'keep the line of one of them');
    first.set(renamedFrom, other ?? one);
  }
}

/** One problem for one line. */
function report({ file, path }: Renamed, message: string, fix: string, told: Set<string>): void {
  const at = [...path, 'renamed_from'];
  const place = JSON.stringify([file.name, at]);
  if (told.has(place)) return;
  told.add(place);
  file.report({ level: 'error', code: 'renamed-from', message, path: at, fix });
}
