/** Rows, changes and sink batches made by hand: those of the acceptance kit. */
export * from '../../src/testkit/made-changes.ts';
