/** How the step is used, for the acceptance kit. */
import type { StepDriver } from 'tailrace/testkit';

export const steps: Readonly<Record<string, StepDriver>> = {
  __name__: {
    uses: [
      {
        config: { column: 'name' },
        rows: [{ name: '  a   b ' }, { name: null }, { name: 'ü' }],
        made: [{ name: 'a b' }, { name: null }, { name: 'ü' }],
      },
    ],
    wrong: [{}, { column: 1 }, { colum: 'name' }],
  },
};
