/** Changes for a sink that is killed: the same in every process, from their number alone. */

export interface FedChange {
  readonly op: 'c' | 'u' | 'd';
  readonly id: string;
  readonly a: string;
  readonly b: string | null;
}

const KEYS = 23;
/** Each so many changes of a key one is a delete. */
const LIVES = 4;

/** Change `i`, from 0: keys in turn, each created, changed and deleted again and again. */
export function fedChange(i: number): FedChange {
  const turn = Math.floor(i / KEYS) % LIVES;
  const op = turn === 0 ? 'c' : turn === LIVES - 1 ? 'd' : 'u';
  return { op, id: `k${i % KEYS}`, a: `change ${i}`, b: turn === 1 ? null : 'b' };
}

/** Rows after the first `count` changes: id, a, b; sorted. */
export function fedRows(count: number): readonly (readonly (string | null)[])[] {
  const rows = new Map<string, readonly (string | null)[]>();
  for (let i = 0; i < count; i++) {
    const { op, id, a, b } = fedChange(i);
    if (op === 'd') rows.delete(id);
    else rows.set(id, [id, a, b]);
  }
  return [...rows.values()].sort(([a], [b]) => (a! < b! ? -1 : 1));
}
