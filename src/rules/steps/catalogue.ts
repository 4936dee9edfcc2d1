/** The steps, one line each. */
import { cast } from './cast.ts';
import { dedupe } from './dedupe.ts';
import { drop } from './drop.ts';
import { filter } from './filter.ts';
import { flatten } from './flatten.ts';
import { lookup } from './lookup.ts';
import { mask } from './mask.ts';
import { outbox } from './outbox.ts';
import { parse } from './parse.ts';
import { rename } from './rename.ts';
import { route } from './route.ts';
import { select } from './select.ts';
import { set } from './set.ts';
import { split } from './split.ts';
import type { Step } from './step.ts';
import { ts } from './ts.ts';

export const stepCatalogue: readonly Step[] = [
  filter,
  select,
  drop,
  rename,
  set,
  cast,
  mask,
  parse,
  flatten,
  split,
  lookup,
  dedupe,
  outbox,
  route,
  ts,
];
