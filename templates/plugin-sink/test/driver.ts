/** How the acceptance kit makes, reads and breaks the real system. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { documentMembers, type TableSchema } from 'tailrace/sdk';
import type { SinkDriver } from 'tailrace/testkit';

/** How the kit gets an empty target, and looks at what is in it without the plugin. */
export const sink: SinkDriver = {
  // The plugin's own is known to whoever runs the kit.
  module: null,
  async target() {
    const dir = mkdtempSync(join(tmpdir(), '__package__-'));
    const path = join(dir, 'rows.db');
    return {
      settings: { path },
      rows: async (table) => rowsIn(path, table).map((values) => ({ values })),
      remove: async () => rmSync(dir, { recursive: true, force: true }),
    };
  },
  wrongHost: async () => ({ path: '/nowhere/rows.db' }),
  // What a server has and a file has not. For a server, write what makes it so instead.
  notApplicable: {
    'check/credential': 'a file has no users',
    'check/permission': 'a file has no users',
    'failure/unreachable': 'a file has no server that could be down',
    'failure/poison': 'a row can be written whatever it holds',
  },
};

function rowsIn(path: string, { schema, table, columns }: TableSchema): Record<string, string | null>[] {
  if (!existsSync(path)) return [];
  const database = new DatabaseSync(path);
  try {
    const select = database.prepare('SELECT document FROM rows WHERE tab = ? AND document IS NOT NULL');
    return select.all(JSON.stringify([schema, table])).map(({ document }) => {
      const members = documentMembers(String(document));
      return Object.fromEntries(columns.map(({ name, kind }) => [name, textOf(members?.get(name) ?? 'null', kind)]));
    });
  } finally {
    database.close();
  }
}

/** Numbers as their digits, which a JavaScript number might not hold. */
function textOf(json: string, kind: string): string | null {
  if (json === 'null') return null;
  return json.startsWith('"') && kind !== 'json' ? (JSON.parse(json) as string) : json;
}
