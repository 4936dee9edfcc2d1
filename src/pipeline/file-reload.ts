/** Pipelines of a running instance after its files, as they are when somebody asks. */
import { TailraceError } from '../contracts/errors.ts';
import type { PipelinePlan } from '../contracts/plan.ts';
import type { FileProblem, FileReloader, LoadedFiles, Reloadable, Reloaded, ReloadPlan } from '../contracts/reload.ts';

export class FileReload implements FileReloader {
  readonly #running: Reloadable;
  readonly #load: () => Promise<LoadedFiles>;
  readonly #redact: (text: string) => string;

  /** @param redact takes secrets out of a text: steps are shown with the values of their variables */
  constructor(running: Reloadable, load: () => Promise<LoadedFiles>, redact: (text: string) => string) {
    this.#running = running;
    this.#load = load;
    this.#redact = redact;
  }

  async plan(): Promise<ReloadPlan> {
    const pipelines = await this.#pipelines();
    await this.#running.checkRules(pipelines);
    return this.#shown(await this.#running.withEffects(this.#running.planReload(pipelines), pipelines));
  }

  async apply(hash: string | null): Promise<Reloaded> {
    const pipelines = await this.#pipelines();
    const plan = this.#running.planReload(pipelines);
    if (hash !== null && plan.hash !== hash) {
      throw new TailraceError('plan.changed', `the plan is ${plan.hash} now, not ${hash}`, {
        remedy: 'look at it again: tailrace plan',
      });
    }
    const reloaded = await this.#running.reload(pipelines);
    return { ...reloaded, plan: this.#shown(reloaded.plan) };
  }

  async #pipelines(): Promise<readonly PipelinePlan[]> {
    const { problems, pipelines } = await this.#load();
    const errors = problems.filter(({ level }) => level === 'error');
    if (errors.length === 0) return pipelines;
    throw new TailraceError('config.invalid', `${placed(errors[0]!)}${more(errors.length)}; what runs goes on`, {
      remedy: errors[0]!.fix ?? 'tailrace lint shows every problem',
    });
  }

  /** Invariant 12. */
  #shown(plan: ReloadPlan): ReloadPlan {
    const text = (value: string | null) => (value === null ? null : this.#redact(value));
    const changes = plan.changes.map((change) => ({
      ...change,
      fields: change.fields.map(({ name, before, after }) => ({ name, before: text(before), after: text(after) })),
    }));
    return { ...plan, changes };
  }
}

function placed({ file, line, column, message }: FileProblem): string {
  return `${file}:${line}:${column}  ${message}`;
}

function more(count: number): string {
  return count === 1 ? '' : ` (and ${count - 1} more)`;
}
