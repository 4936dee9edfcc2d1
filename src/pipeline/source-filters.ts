/** Filters that a source may run itself: what it is told of them, and where it says that it runs them. */
import type { SourcePlan } from '../contracts/plan.ts';
import type { ConnectorContext } from '../contracts/plugin.ts';
import type { FilterPlace, TableFilters } from '../contracts/predicate.ts';
import type { Rules } from '../contracts/rules.ts';
import type { TableDescription } from '../contracts/schema.ts';
import type { SourceOpenOptions } from '../contracts/source.ts';
import { looseTables } from './table-directory.ts';

/** For the options of `open`. Nothing when the source has no filter before its other steps. */
export function sourceFilters(
  { transform }: Pick<SourcePlan, 'transform'>,
  tables: readonly TableDescription[],
  rules: Rules,
): { readonly filters?: TableFilters } {
  const filters = new Map(
    tables.flatMap((table) => {
      const conditions = rules.sourceFilters(transform, table);
      return conditions.length === 0 ? [] : [[`${table.schema}.${table.table}`, conditions] as const];
    }),
  );
  return filters.size === 0 ? {} : { filters };
}

/** Throws as the source connects. @param options with `filters`, if there are some */
export async function filterPlaces(
  { manifest, snapshot }: Pick<SourcePlan, 'manifest' | 'snapshot'>,
  options: SourceOpenOptions<unknown>,
): Promise<readonly FilterPlace[]> {
  const { filters } = options;
  if (filters === undefined) return [];
  const places = await manifest.filterPlaces?.(options);
  if (places === undefined) {
    const never = `a ${manifest.type} source takes no conditions`;
    return [...filters].flatMap(([table, conditions]) =>
      conditions.map(({ text }) => ({ table, condition: text, snapshot: never, stream: never })),
    );
  }
  if (snapshot === 'initial') return places;
  return places.map((place) => ({ ...place, snapshot: place.snapshot ?? 'no rows are read but changes' }));
}

/** One line for each condition, with the tables for which the same is true of it. */
export function placeTexts(places: readonly FilterPlace[]): readonly string[] {
  const groups = new Map<string, { readonly place: FilterPlace; readonly tables: string[] }>();
  for (const place of places) {
    const { table, ...rest } = place;
    const name = JSON.stringify(rest);
    const known = groups.get(name);
    if (known === undefined) groups.set(name, { place, tables: [table] });
    else known.tables.push(table);
  }
  return [...groups.values()].map(({ place, tables }) => placeText(place, tables));
}

function placeText({ condition, snapshot, stream }: FilterPlace, tables: readonly string[]): string {
  const what = `filter ${condition} of ${tables.join(', ')}`;
  if (snapshot === null && stream === null) return `${what}: runs in the database`;
  if (snapshot === null) return `${what}: runs in the database where tables are read, here for changes (${stream})`;
  if (stream === null) return `${what}: runs in the database for changes, here where tables are read (${snapshot})`;
  return `${what}: runs here (${snapshot})`;
}

/** Of a source that need not be at work. Throws as the source connects. */
export async function plannedFilters(
  plan: SourcePlan,
  instance: string,
  context: ConnectorContext,
  rules: Rules,
): Promise<readonly string[]> {
  const [first] = plan.transform;
  if (first === undefined || rules.conditions(first).length === 0) return [];
  const { manifest, config, name, tables, snapshot } = plan;
  const options = { config, name, instance, tables, ...looseTables(plan), snapshot, context };
  const described = await manifest.describe(options);
  return placeTexts(await filterPlaces(plan, { ...options, ...sourceFilters(plan, described, rules) }));
}
