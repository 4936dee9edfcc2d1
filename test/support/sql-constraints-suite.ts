/** Constraints of target tables beside their key: what was possible at the source in its order must be possible there. */
import { describe, expect, test } from 'vitest';
import { classOf } from '../../src/contracts/errors.ts';
import { NOT_SENT } from '../../src/contracts/row.ts';
import { change, table } from './changes.ts';
import { apply, insert, rows, run, SHOP, session, update } from './last-value-target.ts';
import type { SqlTarget } from './sql-sink-suite.ts';

type NewTarget = () => Promise<SqlTarget>;

export interface ConstraintOptions {
  /** Unique constraints that are checked at the end of the transaction. */
  readonly hasDeferredUnique?: boolean;
  /** Foreign keys that are. */
  readonly hasDeferredReferences?: boolean;
}

export function sqlConstraintsSuite(newTarget: NewTarget, options: ConstraintOptions = {}): void {
  describe('constraints by time and action', () => {
    if (options.hasDeferredUnique) deferredUniqueTest(newTarget);
    if (options.hasDeferredReferences) deferredReferenceTests(newTarget);
    cascadeTests(newTarget);
  });
}

const PARENTS = table('parents', SHOP.columns.slice(0, 2));
const CHILDREN = table('children', SHOP.columns);
type Cells = readonly (string | typeof NOT_SENT)[];
const parent = (version: number, id: string) => change(PARENTS, { op: 'insert', version, after: [id, 'a'] });
const orphaned = (version: number, id: string) => change(PARENTS, { op: 'delete', version, before: [id] });
const child = (version: number, ...after: Cells) => change(CHILDREN, { op: 'update', version, after });
const childGone = (version: number, id: string) => change(CHILDREN, { op: 'delete', version, before: [id] });

/** @param rule of the reference from `children.a` to `parents` */
async function family(newTarget: NewTarget, rule: string): Promise<SqlTarget> {
  const target = await newTarget();
  const reference = `FOREIGN KEY (a) REFERENCES ${target.quoted('parents')} (id) ${rule}`;
  await target.exec(`CREATE TABLE ${target.quoted('parents')} (id varchar(20) PRIMARY KEY, a varchar(20))`);
  await target.exec(
    `CREATE TABLE ${target.quoted('children')} (id varchar(20) PRIMARY KEY, a varchar(20), b varchar(20), ${reference})`,
  );
  return target;
}

const children = (target: SqlTarget) => target.rows('children', ['id', 'a', 'b']);

function deferredUniqueTest(newTarget: NewTarget): void {
  const unique = async (when: string) => {
    const target = await newTarget();
    await target.exec(`CREATE TABLE ${target.quoted('t')} (id text PRIMARY KEY, a text UNIQUE ${when}, b text)`);
    await run(target, [insert(1, '1', 'x', 'b'), insert(2, '2', 'y', 'b')]);
    return target;
  };
  const swap = [update(3, '1', 'y', 'b'), update(4, '2', 'x', NOT_SENT), insert(5, '3', 'z', 'b')];

  test('two rows swap a unique value where the target checks it at the end', async () => {
    const target = await unique('DEFERRABLE INITIALLY DEFERRED');
    await run(target, swap);
    expect(await rows(target)).toEqual([
      ['1', 'y', 'b'],
      ['2', 'x', 'b'],
      ['3', 'z', 'b'],
    ]);
  });

  test('where it checks at once, both come back, and nothing else', async () => {
    const target = await unique('');
    const opened = await session(target);
    const refused = await apply(opened, swap, 2);
    await opened.sink.close();
    expect(refused.map(({ record }) => record.offset)).toEqual([2n, 3n]);
    expect(await rows(target)).toEqual([
      ['1', 'x', 'b'],
      ['2', 'y', 'b'],
      ['3', 'z', 'b'],
    ]);
  });
}

function deferredReferenceTests(newTarget: NewTarget): void {
  test('a row comes before the one that it refers to, where the target checks that at the end', async () => {
    const target = await family(newTarget, 'DEFERRABLE INITIALLY DEFERRED');
    await run(target, [child(1, 'c', 'p', 'b'), parent(2, 'p')]);
    expect(await children(target)).toEqual([['c', 'p', 'b']]);
  });

  test('what the target refuses at the end is named, leaves nothing behind, and is accepted with the rest of it', async () => {
    const target = await family(newTarget, 'DEFERRABLE INITIALLY DEFERRED');
    const opened = await session(target);
    const failed: unknown = await apply(opened, [child(1, 'c', 'p', 'b')]).catch((error: unknown) => error);
    await opened.sink.close();
    expect(classOf(failed)).toBe('environment');
    expect(failed).toMatchObject({ code: 'sink.not_ready', remedy: expect.stringContaining('transactional') });
    expect(await children(target)).toEqual([]);
    await run(target, [child(1, 'c', 'p', 'b'), parent(2, 'p')]);
    expect(await children(target)).toEqual([['c', 'p', 'b']]);
  });
}

function cascadeTests(newTarget: NewTarget): void {
  test('rows that the target deletes by itself go without harm, and live on elsewhere when they had moved before', async () => {
    const target = await family(newTarget, 'ON DELETE CASCADE');
    await run(
      target,
      [parent(1, 'p1'), parent(2, 'p2'), child(3, 'c1', 'p1', 'b'), child(4, 'c2', 'p1', 'b')],
      [child(5, 'c1', 'p2', 'b'), childGone(6, 'c2'), orphaned(7, 'p1')],
      [childGone(8, 'c1'), orphaned(9, 'p2'), parent(10, 'p2'), child(11, 'c1', 'p2', 'new')],
    );
    expect(await children(target)).toEqual([['c1', 'p2', 'new']]);
  });

  test('invariant 9: rows that changes do not bring whole are not left to a cascade', async () => {
    const target = await family(newTarget, 'ON DELETE CASCADE');
    const [id, a, b] = SHOP.columns;
    const partly = table('children', [id!, a!, { ...b!, unsent: { aboveBytes: -1, aboveRowBytes: -1 } }]);
    const moved = change(partly, { op: 'update', version: 4, after: ['c', 'p2', NOT_SENT] });
    await run(target, [parent(1, 'p1'), child(2, 'c', 'p1', 'kept')]);
    const opened = await session(target);
    const failed: unknown = await apply(opened, [parent(3, 'p2'), moved, orphaned(5, 'p1')], 2).catch((error) => error);
    await opened.sink.close();
    expect(failed).toMatchObject({
      code: 'sink.not_ready',
      remedy: expect.stringMatching(/ON DELETE|DROP CONSTRAINT/),
    });
    expect(await children(target)).toEqual([['c', 'p1', 'kept']]);
  });

  test('invariant 9: a row that moves keeps what was not sent, whatever goes in the same batch', async () => {
    const target = await family(newTarget, '');
    await run(
      target,
      [parent(1, 'p1'), child(2, 'c', 'p1', 'kept')],
      [parent(3, 'p2'), child(4, 'c', 'p2', NOT_SENT), orphaned(5, 'p1')],
    );
    expect(await children(target)).toEqual([['c', 'p2', 'kept']]);
  });
}
