/** A source's output that keeps what it is given, for tests of sources alone: that of the acceptance kit. */
export * from '../../src/testkit/recording-output.ts';
