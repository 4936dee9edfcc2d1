/** Addresses of servers in a configuration. */

/** Whether a URL can be taken apart: it has a port that there is, and its signs are written as URLs write them. */
export function isServerUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.port === '0') return false;
  try {
    for (const part of [url.username, url.password, url.pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

/** What is said of others. */
export const NO_SERVER_URL =
  'is no URL: its port is a number up to 65535, and "%" in a password is written %25, "#" %23, "@" %40';
