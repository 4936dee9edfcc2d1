/** The nearest right spelling of a word, for messages. */

/** Longer words are not compared: a message about them shows only their beginning anyway. */
const MAX_LENGTH = 64;
const MIN_BEGINNING = 3;

/**
 * The candidate that `word` most likely meant, or undefined when none is near: at most a quarter of its letters differ
 * (one edit: insert, delete, replace a letter, or swap two neighbours), or it is the beginning of one candidate only.
 * Upper and lower case count as the same.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > MAX_LENGTH) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate.length > MAX_LENGTH || candidate === word) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance && distance <= allowed(word.length, candidate.length)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? completed(wanted, candidates);
}

function completed(beginning: string, candidates: readonly string[]): string | undefined {
  if (beginning.length < MIN_BEGINNING) return undefined;
  const found = candidates.filter((candidate) => candidate.toLowerCase().startsWith(beginning));
  return found.length === 1 ? found[0] : undefined;
}

/** ` did you mean "index"?`-style fix text, or undefined. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const found = nearest(word, candidates);
  return found === undefined ? undefined : `did you mean "${found}"?`;
}

function allowed(a: number, b: number): number {
  return Math.max(1, Math.floor(Math.max(a, b) / 4));
}

/** Optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let distance = Math.min(last[j]! + 1, row[j - 1]! + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) distance = Math.min(distance, beforeLast[j - 2]! + 1);
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
