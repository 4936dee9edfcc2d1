/** How the acceptance kit makes, changes and breaks the real system. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SourceChange, SourceDriver } from 'tailrace/testkit';

/** How the kit gets a system with an empty table, and changes what is in it. */
export const source: SourceDriver = {
  // The plugin's own is known to whoever runs the kit.
  module: null,
  changesKeys: true,
  async origin() {
    const dir = mkdtempSync(join(tmpdir(), '__package__-'));
    const path = join(dir, 'journal');
    writeFileSync(path, newJournal());
    return {
      settings: { path, columns: ['id', 'a', 'b'] },
      table: 'public.rows',
      change: async (changes) => appendFileSync(path, changes.map(linesOf).join('')),
      remove: async () => rmSync(dir, { recursive: true, force: true }),
    };
  },
  wrongHost: async () => ({ path: '/nowhere/journal', columns: ['id', 'a', 'b'] }),
  loseHistory: async ({ settings }) => writeFileSync(String(settings.path), newJournal()),
  // What a server has and a file has not. For a server, write what makes it so instead.
  notApplicable: {
    'check/credential': 'a file has no users',
    'check/permission': 'a file has no users',
    'failure/unreachable': 'a file has no server that could be down',
  },
};

const newJournal = () => `{"journal":"${crypto.randomUUID()}"}\n`;

/** In this system a key does not change: the row goes, and comes under another. */
function linesOf({ op, newId, ...row }: SourceChange): string {
  const line = (what: string, of: object) => `${JSON.stringify({ op: what, row: of })}\n`;
  if (newId === undefined) return line(op, row);
  return line('delete', { id: row.id }) + line('insert', { ...row, id: newId });
}
