/** Patterns of qualified names: `public.*`, `app_*.orders`. `*` stands for any characters of its part; the first dot parts. */

export const isPattern = (name: string): boolean => name.includes('*');

export function matchesName(pattern: string, name: string): boolean {
  const [[outer, inner], [schema, table]] = [parts(pattern), parts(name)];
  return matches(outer, schema) && matches(inner, table);
}

function parts(name: string): readonly [string, string] {
  const dot = name.indexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

/** In linear space and, whatever the pattern, at most pattern × text steps. */
function matches(pattern: string, text: string): boolean {
  let [at, star, retry] = [0, -1, 0];
  for (let i = 0; i < text.length; ) {
    if (pattern[at] === '*') {
      star = at++;
      retry = i;
    } else if (pattern[at] === text[i]) {
      at++;
      i++;
    } else if (star < 0) {
      return false;
    } else {
      at = star + 1;
      i = ++retry;
    }
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
