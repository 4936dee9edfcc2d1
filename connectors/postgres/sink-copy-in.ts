/** COPY … FROM STDIN on a client, its rows made while the server takes those before. */
import type { Client, Submittable } from 'pg';

/** What pg's connection offers to a query in copy mode; its types do not say so. */
interface CopyConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
}

/**
 * Resolves when the server has taken all of `pieces`; rejects with the driver's error when it refuses a row.
 * The pieces are asked for once the server waits for them.
 */
export function copyIn(client: Client, sql: string, pieces: Iterable<Buffer>): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    const submittable = {
      submit: (connection: CopyConnection) => connection.query(sql),
      handleCopyInResponse(connection: CopyConnection) {
        try {
          for (const piece of pieces) connection.sendCopyFromChunk(piece);
          connection.endCopyFrom();
        } catch (error) {
          failure = error as Error;
          connection.sendCopyFail('the rows could not be written');
        }
      },
      handleCommandComplete: () => {},
      handleReadyForQuery: () => (failure === undefined ? resolve() : reject(failure)),
      handleError(error: Error) {
        failure ??= error;
        reject(failure);
      },
    };
    client.query(submittable as unknown as Submittable);
  });
}
