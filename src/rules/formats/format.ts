/** Texts of log files and messages, taken apart. */

/** The texts of the fields, null for those that are absent; null when the text is not of this format. */
export type Reader = (text: string) => readonly (string | null)[] | null;
