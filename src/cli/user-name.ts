import { userInfo } from 'node:os';

/** Who runs the command, for records of who did what; empty when the system does not say. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}
