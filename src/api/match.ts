/** Finds the route of a path. */
import type { Route } from './route.ts';

/** Routes whose path fits, by any method; none: there is no such path. */
export function routesOf(all: readonly Route[], path: string): readonly Route[] {
  return all.filter((route) => paramsOf(route, path) !== null);
}

/** Null when the path is another one, or is not encoded as it must be. */
export function paramsOf(route: Route, path: string): Readonly<Record<string, string>> | null {
  const wanted = route.path.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = Object.create(null);
  for (const [i, part] of wanted.entries()) {
    const text = given[i]!;
    if (!part.startsWith(':')) {
      if (part !== text) return null;
      continue;
    }
    const decoded = decode(text);
    if (decoded === null || decoded === '') return null;
    params[part.slice(1)] = decoded;
  }
  return params;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
